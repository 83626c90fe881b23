"""templates/karst.yml, the jobs for GitLab, from the schema of the step's inputs."""

from __future__ import annotations

import json
from collections.abc import Iterator

from karst.config.input_keys import INPUTS, InputKey
from pages.blocks import table

# Written by whoever includes the file. All others are long or secret: they are kept in
# variables of the project, and an input says in which one.
_WRITTEN = ("file", "comment", "on-unreviewed", "label", "timeout")
# What each job is for says it.
_DECIDED = ("command",)
_USUAL = {
    "github-token": "GITHUB_TOKEN",
    "gitlab-token": "GITLAB_TOKEN",
    "bitbucket-token": "BITBUCKET_TOKEN",
}
# What may stand between single quotes of a shell.
_ONE_LINE = r"/^[^'\n\r]*$/"
_VARIABLE = r"/^[A-Za-z_][A-Za-z0-9_]*$/"
_STAGE = r"/^[^'\n\r]+$/"
_OWN = (
    (
        "image",
        "karst's image. A release's is named by its digest, so that a pipeline runs what was reviewed.",
        "ghcr.io/karstkit/action:v1",
        _STAGE,
    ),
    (
        "job-prefix",
        "What the jobs' names begin with: another one for each stack of a project.",
        "karst",
        r"/^[A-Za-z0-9_-]+$/",
    ),
    (
        "environment",
        "Where the apply deploys to, for GitLab's page of environments. Applies to one environment queue.",
        "production",
        r"/^[A-Za-z0-9 _./-]+$/",
    ),
    (
        "environment-url",
        "What the environment's link opens; by default the job that deployed, with everybody's health.",
        "$CI_JOB_URL",
        r"/^(https?:\/\/|\$[A-Za-z])[^'\n\r]*$/",
    ),
    ("plan-stage", "Stage of the plan and of the scheduled test.", "test", _STAGE),
    ("deploy-stage", "Stage of apply and destroy.", "deploy", _STAGE),
)
_HEAD = """\
# Made from karst/config/input_keys.py by `make generate`.
# One file for both: `include: component:` and a plain `include:` with `inputs:`.
spec:
  inputs:
"""
_JOBS = """\
---
"P.":
  image:
    name: "$[[ inputs.image ]]"
    entrypoint: [""]
  inherit:
    default: [tags]
  # Variables that another job hands on are not this one's.
  dependencies: []
  variables:
    # The base branch's files are read from the clone: a shallow one may lack them.
    GIT_DEPTH: "0"
  # Each job says here what it does, where no variable of a pipeline goes before.
  before_script: [karst_command=auto]
  script:
    - |
      # A variable's value, or what is in its file where it is one of type File.
      karst_value() {
        value=$(printenv "$1") || return 0
        if [ -f "$value" ]; then cat "$value"; else printf '%s' "$value"; fi
      }
EXPORTS
      python3 -I -S /opt/karst/lib
  artifacts:
    name: "$CI_JOB_NAME_SLUG"
    when: always
    expire_in: 30 days
    paths: [.karst/artifacts/]
    reports:
      junit: .karst/artifacts/*/junit.xml
      dotenv: .karst/artifacts/outputs.env

# Merge trains, too: their pipelines are a merge request's.
"P:plan":
  extends: "P."
  stage: "$[[ inputs.plan-stage ]]"
  interruptible: true
  artifacts:
    reports:
      terraform: .karst/artifacts/*/resources.json
  rules:
    - if: $CI_PIPELINE_SOURCE == "merge_request_event"

"P:apply":
  extends: "P."
  stage: "$[[ inputs.deploy-stage ]]"
  interruptible: false
  resource_group: "$[[ inputs.environment ]]"
  environment:
    name: "$[[ inputs.environment ]]"
    url: "$[[ inputs.environment-url ]]"
    on_stop: "P:destroy"
  rules:
    - if: $CI_PIPELINE_SOURCE == "push" && $CI_COMMIT_BRANCH == $CI_DEFAULT_BRANCH

# Everything beside what runs, proved and removed. A schedule with the variable
# KARST_COMMAND: drift looks for what is no longer as it was applied.
"P:scheduled":
  extends: "P."
  stage: "$[[ inputs.plan-stage ]]"
  before_script:
    - karst_command=auto
    # Nothing else: whoever may edit a schedule must not deploy or destroy by it.
    - if [ "${KARST_COMMAND:-}" = drift ]; then karst_command=drift; fi
  interruptible: false
  rules:
    - if: $CI_PIPELINE_SOURCE == "schedule"

"P:destroy":
  extends: "P."
  stage: "$[[ inputs.deploy-stage ]]"
  before_script: [karst_command=destroy]
  interruptible: false
  resource_group: "$[[ inputs.environment ]]"
  environment:
    name: "$[[ inputs.environment ]]"
    action: stop
  rules:
    - if: $CI_PIPELINE_SOURCE == "push" && $CI_COMMIT_BRANCH == $CI_DEFAULT_BRANCH
      when: manual
      allow_failure: true
"""


def render_component() -> str:
    """Return the template: a CI component, and a file to include."""
    lines = [_HEAD]
    for name, description, default, pattern in _OWN:
        lines += _input(name, description, default, pattern=pattern)
    for key in INPUTS:
        if key.name in _WRITTEN:
            lines += _written(key)
        elif key.name not in _DECIDED:
            description = f"Name of the variable with this: {key.description}"
            lines += _input(key.name, description, variable_of(key), pattern=_VARIABLE)
    exports = "\n".join(f"      {line}" for line in _exports())
    prefix = "$[[ inputs.job-prefix ]]"
    jobs = _JOBS.replace("EXPORTS", exports)
    jobs = jobs.replace('"P."', f'".{prefix}"').replace('"P:', f'"{prefix}:')
    return "".join(lines) + jobs


def variable_of(key: InputKey) -> str:
    """Name of the project's variable in which an input is kept, by default."""
    return _USUAL.get(key.name) or f"KARST_{_upper(key.name)}"


def render_component_inputs(_subject: str) -> str:
    rows = [(f"`{n}`", f"`{default}`", text) for n, text, default, _ in _OWN]
    for key in INPUTS:
        if key.name in _WRITTEN:
            rows.append((f"`{key.name}`", _told(key), key.description))
        elif key.name not in _DECIDED:
            rows.append(
                (f"`{key.name}`", f"`{variable_of(key)}`", f"*{key.description}*")
            )
    return table(("input", "default", "what it is"), rows)


def _told(key: InputKey) -> str:
    words = [f"`{word}`" for word in key.choices if word != key.default]
    told = f"`{key.default}`" if key.default else "none"
    return f"{told} (or {', '.join(words)})" if words else told


def _exports() -> Iterator[str]:
    # In the script, not under `variables:`: those of a pipeline would go before.
    yield 'export INPUT_COMMAND="$karst_command"'
    for key in INPUTS:
        name = f"INPUT_{_upper(key.name)}"
        value = f"$[[ inputs.{key.name} ]]"
        if key.name in _WRITTEN:
            yield f"export {name}='{value}'"
        elif key.name not in _DECIDED:
            yield f'export {name}="$(karst_value {value})"'


def _written(key: InputKey) -> Iterator[str]:
    yield from _input(
        key.name,
        key.description,
        key.default,
        options=key.choices,
        pattern="" if key.choices else _ONE_LINE,
    )


def _input(
    name: str,
    description: str,
    default: str,
    *,
    pattern: str = "",
    options: tuple[str, ...] = (),
) -> Iterator[str]:
    yield f"    {name}:\n      description: {_quoted(description)}\n"
    yield f"      default: {_quoted(default)}\n"
    if options:
        yield f"      options: [{', '.join(map(_quoted, options))}]\n"
    if pattern:
        yield f"      regex: {_quoted(pattern.strip('/'))}\n"


def _upper(name: str) -> str:
    return name.upper().replace("-", "_")


def _quoted(text: str) -> str:
    # JSON's strings are YAML's.
    return json.dumps(text, ensure_ascii=False)
