"""Races of roles and instance profiles."""

from __future__ import annotations

import re

from scar.aws.client.races.race import TERRAFORM, Race, words

IAM_RACES: tuple[Race, ...] = (
    *(
        Race(
            service="iam",
            codes=words("NoSuchEntity NoSuchEntityException"),
            # Not "The role policy with name … cannot be found".
            message=re.compile(rf"(?i)^(?!.*role policy).*\b{noun}\b"),
            caused_by=kind,
            parameter=parameter,
            only_after_change=True,
            state=f"IAM does not see the new {noun} everywhere yet",
            remedy=f"Run the same command again: another program may have deleted the {noun}.",
            source="docs: IAM, changes are not always immediately visible; "
            + TERRAFORM
            + "iam/role.go",
        )
        for kind, noun, parameter in (
            ("role", "role", "RoleName"),
            ("instance-profile", "instance profile", "InstanceProfileName"),
        )
    ),
    Race(
        service="iam",
        codes=words(
            "ConcurrentModification ConcurrentModificationException EntityTemporarilyUnmodifiable"
            " EntityTemporarilyUnmodifiableException"
        ),
        state="IAM is still finishing an earlier change",
        remedy="Run the same command again once no other program changes the same role.",
        source="model: IAM, ConcurrentModificationException; " + TERRAFORM + "iam/role.go",
    ),
)
