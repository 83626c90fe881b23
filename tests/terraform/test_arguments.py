"""Whole command lines."""

from __future__ import annotations

from pathlib import Path

from karst.terraform import arguments

FOLDER = Path(".karst/shop")
ENV = {"TF_IN_AUTOMATION": "1"}


def test_lines() -> None:
    saved = Path("stack.tfplan")
    found = [
        arguments.init("terraform", FOLDER, ENV),
        arguments.plan("tofu", FOLDER, ENV, saved),
        arguments.plan_part("tofu", FOLDER, ENV, saved, ("a.b", "c.d")),
        arguments.show("terraform", FOLDER, ENV, saved),
        arguments.apply("terraform", FOLDER, ENV, saved),
        arguments.destroy("terraform", FOLDER, ENV),
        arguments.output("terraform", FOLDER, ENV),
        arguments.pull("terraform", FOLDER, ENV),
    ]
    assert [" ".join(c.argv) for c in found] == [
        "terraform init -input=false -no-color",
        "tofu plan -input=false -no-color -lock-timeout=20s -detailed-exitcode -var-file=stack.tfvars.json -out=stack.tfplan",
        "tofu plan -input=false -no-color -lock-timeout=20s -detailed-exitcode -var-file=stack.tfvars.json -out=stack.tfplan -refresh=false -json -target=a.b -target=c.d",
        "terraform show -json -no-color stack.tfplan",
        "terraform apply -input=false -no-color -lock-timeout=20s stack.tfplan",
        "terraform destroy -auto-approve -input=false -no-color -lock-timeout=20s -var-file=stack.tfvars.json",
        "terraform output -json -no-color",
        "terraform state pull -no-color",
    ]
    assert {(c.cwd, c.env["TF_IN_AUTOMATION"]) for c in found} == {(FOLDER, "1")}


def test_environment() -> None:
    assert arguments.environment(Path("t.rc"), "ssh://h") == {
        "TF_IN_AUTOMATION": "1",
        "CHECKPOINT_DISABLE": "1",
        "TF_INPUT": "0",
        "TF_CLI_CONFIG_FILE": "t.rc",
        "DOCKER_HOST": "ssh://h",
    }


def test_a_backend_gets_its_own_credentials_and_no_others() -> None:
    environ = {"PGPASSWORD": "a", "AWS_SECRET_ACCESS_KEY": "b", "GITHUB_TOKEN": "c"}
    assert arguments.credentials("pg", environ) == {"PGPASSWORD": "a"}
    assert arguments.credentials("s3", environ) == {"AWS_SECRET_ACCESS_KEY": "b"}
    assert arguments.credentials("local", environ) == {}
