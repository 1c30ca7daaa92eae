"""The Deployments of web and worker: each process is replaced, and no one is killed."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from types import TracebackType

from deploy.rollout.pods import Ended, Pod
from deploy.rollout.proxy import Proxy
from deploy.rollout.releases import Release


class Service:
    """A context. As Kubernetes does with maxSurge 1 and maxUnavailable 0: a new process is
    ready before an old one is told to go, and the next is begun while that one drains."""

    def __init__(
        self, *, proxy: Proxy, environment: Mapping[str, str], log_dir: Path, pre_stop_s: float
    ) -> None:
        self._proxy = proxy
        self._environment, self._log_dir = environment, log_dir
        self._pre_stop_s = pre_stop_s
        self._started: list[Pod] = []
        self._numbers = itertools.count()
        self._web: list[Pod] = []
        self._worker: Pod | None = None
        self._leaving: list[Future[Ended]] = []
        self._goodbyes = ThreadPoolExecutor(max_workers=32, thread_name_prefix="leaving")
        self.replaced = 0

    def __enter__(self) -> Service:
        self._log_dir.mkdir(parents=True, exist_ok=True)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for pod in self._started:
            pod.kill()
        self._goodbyes.shutdown(wait=True, cancel_futures=True)

    def begin(self, release: Release, *, count: int) -> None:
        with ThreadPoolExecutor(max_workers=count + 1) as starting:
            worker = starting.submit(self._new_worker, release)
            self._web = list(starting.map(lambda _: self._new_web(release), range(count)))
            self._worker = worker.result()
        self._proxy.route(self._web)

    def replace_one(self, release: Release) -> None:
        """The oldest web process makes room for a new one of the release."""
        new, (old, *others) = self._new_web(release), self._web
        self._proxy.route([old, *others, new])
        self._web = [*others, new]
        # The end of its endpoint and its preStop hook begin at the same time.
        self._leaving.append(self._goodbyes.submit(old.retire, pre_stop_s=self._pre_stop_s))
        self._proxy.route(self._web)
        self.replaced += 1

    def replace_worker(self, release: Release) -> None:
        old, self._worker = self._worker, self._new_worker(release)
        if old is not None:
            self._leaving.append(self._goodbyes.submit(old.retire, pre_stop_s=0))

    def leave(self) -> list[Ended]:
        """Nobody asks any more: tell those that are left to stop too; how each has ended."""
        for pod in [*self._web, *filter(None, [self._worker])]:
            self._leaving.append(self._goodbyes.submit(pod.retire, pre_stop_s=0))
        self._web, self._worker = [], None
        return [leaving.result() for leaving in self._leaving]

    def demand_alive(self) -> None:
        for pod in [*self._web, *filter(None, [self._worker])]:
            pod.demand_alive()

    def _new_web(self, release: Release) -> Pod:
        pod = self._new_pod("web", release)
        pod.serve()
        return pod

    def _new_worker(self, release: Release) -> Pod:
        pod = self._new_pod("worker", release)
        pod.work()
        return pod

    def _new_pod(self, role: str, release: Release) -> Pod:
        pod = Pod(
            f"{role}-{next(self._numbers):02}",
            release=release,
            environment=self._environment,
            log_dir=self._log_dir,
        )
        self._started.append(pod)
        return pod
