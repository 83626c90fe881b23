"""The action's door: `karst step`, from whatever folder the runner starts it in."""

from karst.cli import main

main(["step"])
