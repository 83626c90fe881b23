"""The step's inputs and outputs by name: the table behind action.yml and docs/action.md."""

from __future__ import annotations

from dataclasses import dataclass

COMMANDS = ("auto", "plan", "apply", "e2e", "destroy", "drift", "lock")


@dataclass(frozen=True)
class InputKey:
    """One input of the step.

    Attributes:
        default: what the step takes where nothing is given; "" is nothing.
        given: what action.yml writes as the default where that is another: an
            expression that only the forge can fill in.
        choices: the only words that are taken, or () for any text.
        secret: whether its value is masked in the log and never shown.
    """

    name: str
    description: str
    default: str = ""
    given: str = ""
    choices: tuple[str, ...] = ()
    secret: bool = False

    @property
    def variable(self) -> str:
        """The environment variable by which the runner hands it over."""
        return f"INPUT_{self.name.upper()}"


@dataclass(frozen=True)
class OutputKey:
    """One output of the step."""

    name: str
    description: str


INPUTS = (
    InputKey(
        "command",
        "What to do. `auto` goes by the event: plan a pull request or a merge queue's trial, apply a push to the default branch, e2e on a schedule.",
        default="auto",
        choices=COMMANDS,
    ),
    InputKey(
        "file", "The list of services, below the workspace.", default="repos.yaml"
    ),
    InputKey(
        "github-token",
        "Reads `gh:` repositories and writes the comment. Another repository than the calling one needs an App's token or a personal one.",
        given="${{ github.token }}",
        secret=True,
    ),
    InputKey(
        "gitlab-token",
        "Reads `gl:` repositories; in a GitLab job it writes the note, too, for which a project's token with scope `api` is needed.",
        secret=True,
    ),
    InputKey(
        "bitbucket-token",
        "Reads `bb:` repositories: an API token as `email:token`, or an access token.",
        secret=True,
    ),
    InputKey("docker-tls-ca", "CA of a `tcp://` engine, in PEM, for its certificate."),
    InputKey("docker-tls-cert", "Client certificate for a `tcp://` engine, in PEM."),
    InputKey("docker-tls-key", "That certificate's key, in PEM.", secret=True),
    InputKey("ssh-private-key", "Key for an `ssh://` engine.", secret=True),
    InputKey(
        "ssh-known-hosts",
        "Host keys of an `ssh://` engine, as lines of known_hosts. They are always checked.",
    ),
    InputKey(
        "backend-config",
        "Settings of the state's backend that don't belong into repos.yaml: a `key=value` on each line.",
        secret=True,
    ),
    InputKey("ca-certificate", "The stack's own CA: its certificate in PEM."),
    InputKey("ca-key", "The stack's own CA: its key in PEM.", secret=True),
    InputKey(
        "receipt-key",
        "Signs the receipt of what was reviewed: 32 characters or more, the same for plan and apply.",
        secret=True,
    ),
    InputKey(
        "comment",
        "Whether the plan's comment is written over (`update`), written anew at the end (`recreate`), or not written.",
        default="update",
        choices=("update", "recreate", "off"),
    ),
    InputKey(
        "on-unreviewed",
        "What an apply does with a change that no receipt covers: fail before anything changes, or apply and say so.",
        default="fail",
        choices=("fail", "apply"),
    ),
    InputKey(
        "label",
        "Tells apart the comments of several runs for one stack and target, such as a matrix's.",
    ),
    InputKey(
        "timeout",
        "The longest that the step may take; then it ends as if cancelled.",
        default="30m",
    ),
)

OUTPUTS = (
    OutputKey("changes", "`true` where the plan has changes."),
    OutputKey("summary", "Path of the whole summary, Markdown, below the workspace."),
    OutputKey("plan-json", "Path of the plan as JSON, below the workspace."),
    OutputKey(
        "services-json",
        "The services as a JSON list: name, action, release, verdict. At most 64 KiB; longer ones are cut to names.",
    ),
    OutputKey("comment-url", "Address of the comment, where one was written."),
    OutputKey(
        "healthy", "`true` where every service is healthy; empty where none was asked."
    ),
    OutputKey("receipt", "Digest of the receipt, where one was signed."),
)

INPUT_KEYS = {key.name: key for key in INPUTS}
