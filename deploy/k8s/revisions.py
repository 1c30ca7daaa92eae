"""Which revision of which Deployment was there before the last release.

A restart (`rollout restart`, a rotation) makes a revision too, which is no release: it differs by
its time alone. Deployments that one release changed were changed within a minute of one another;
what an earlier one changed stays as it is.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

REVISION = "deployment.kubernetes.io/revision"
RESTARTED = "kubectl.kubernetes.io/restartedAt"
ONE_RELEASE = timedelta(seconds=60)

Object = dict[str, Any]


@dataclass(frozen=True)
class Before:
    """A Deployment, since when it is as it is, and the revision before that, 0 if none is left."""

    name: str
    since: datetime
    revision: int


def content(template: Object) -> Object:
    """Of a pod template, without what tells one roll-out of the same from another."""
    found = copy.deepcopy(template)
    metadata = found.get("metadata", {})
    metadata.pop("creationTimestamp", None)
    metadata.get("labels", {}).pop("pod-template-hash", None)
    annotations = metadata.pop("annotations", None) or {}
    annotations.pop(RESTARTED, None)
    return {**found, "metadata": metadata, "annotations": annotations}


def before(deployment: Object, replica_sets: Sequence[Object]) -> Before:
    name = deployment["metadata"]["name"]
    own = [
        one
        for one in replica_sets
        for owner in one["metadata"].get("ownerReferences", [])
        if owner["uid"] == deployment["metadata"]["uid"]
    ]
    now = content(deployment["spec"]["template"])
    same = [one for one in own if content(one["spec"]["template"]) == now]
    other = [one for one in own if content(one["spec"]["template"]) != now]
    made = [one["metadata"]["creationTimestamp"] for one in same or [deployment]]
    return Before(
        name=name,
        since=min(datetime.fromisoformat(each) for each in made),
        revision=max((int(one["metadata"]["annotations"][REVISION]) for one in other), default=0),
    )


def of_the_last_release(found: Sequence[Before]) -> list[Before]:
    """Those that it changed and that can go back, in the order given; none if nothing is left."""
    able = [each for each in found if each.revision]
    newest = max((each.since for each in found), default=datetime.min)
    return [each for each in able if newest - each.since <= ONE_RELEASE]
