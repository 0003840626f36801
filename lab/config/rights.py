"""What the YAML says of an account that is not root, and of a gate before it."""

from __future__ import annotations

from pydantic import Field, model_validator

from lab.strict import Strict


class RightsConfig(Strict):
    """The account has its own rights only. Each text is the rule file of a program by which it may run
    commands as root; of which there is none, that program is not installed."""

    sudo: str | None = Field(default=None, description="a sudoers file")
    doas: str | None = Field(default=None, description="a doas.conf")
    pfexec: str | None = Field(default=None, description="an exec_attr file")
    pbrun: str | None = Field(default=None, description="a line a command, words as patterns")
    root_only: list[str] = Field(
        default_factory=list, description="patterns of paths that only root may run, beside those known"
    )


class GateConfig(Strict):
    """A forced command stands before the shell: a program that judges command lines by a policy."""

    policy: str = Field(description="the text of its policy")
    program: str | None = Field(default=None, description="its file; none: gate/symclone-gate beside the lab")

    @model_validator(mode="after")
    def _form(self) -> GateConfig:
        if not self.policy.startswith("symclone-gate "):
            raise ValueError("a policy begins with `symclone-gate` and the number of its form")
        return self
