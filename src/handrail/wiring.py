"""The composition root and entry point: the only file that chooses implementations."""

from collections.abc import Sequence
from dataclasses import dataclass

from handrail.channels.contract import Channel
from handrail.clock import Clock
from handrail.connectors.catalogue import Catalogue as Upstreams
from handrail.connectors.executor import Executor
from handrail.privacy.seal import Sealer
from handrail.service import Services
from handrail.service.answer import Answers
from handrail.service.ask import Ask
from handrail.service.begin import Begin
from handrail.service.bell import Bell
from handrail.service.catalogue import Catalogue
from handrail.service.draw import Draw
from handrail.service.govern import Govern
from handrail.service.incident import Incidents
from handrail.service.known import Keeper
from handrail.service.notices import Notices
from handrail.service.pause import Pauses
from handrail.service.policies import Policies
from handrail.service.read import Read
from handrail.service.release import Release
from handrail.service.resolve import Resolver
from handrail.service.reverse import Reversals
from handrail.service.sweep import Sweep
from handrail.service.telling import Telling
from handrail.service.versions import Versions
from handrail.store.contract import Store


@dataclass(frozen=True, slots=True, kw_only=True)
class Middle:
    """The services and what moves them: everything between the doors and the store."""

    services: Services
    begin: Begin
    release: Release
    sweep: Sweep
    keeper: Keeper


def middle(
    *,
    store: Store,
    executor: Executor,
    upstreams: Upstreams,
    sealer: Sealer,
    clock: Clock,
    channels: Sequence[Channel],
) -> Middle:
    """Put the services together over the given implementations."""
    draw, bell, keeper = Draw(clock), Bell(), Keeper(store)
    policies = Policies(store)
    begin = Begin(store, executor, sealer, clock, bell)
    resolver = Resolver(begin.observe)
    ask = Ask(store, begin, resolver, keeper, policies.current, clock, draw)
    versions = Versions(store, ask, keeper, sealer, clock, draw, bell)
    release = Release(store, ask, begin, versions, keeper, sealer, clock, bell)
    catalogue = Catalogue(store, upstreams, sealer, keeper)
    sweep = Sweep(store, release, Telling(channels), policies, keeper, clock, bell)
    services = Services(
        govern=Govern(store, ask, begin, versions, sealer, clock, draw, bell),
        answers=Answers(store, versions, policies, clock, bell),
        reversals=Reversals(store, begin, policies, sealer, draw, bell),
        notices=Notices(store, draw),
        pauses=Pauses(store, draw),
        incidents=Incidents(store, draw),
        catalogue=catalogue,
        policies=policies,
        read=Read(store, policies, catalogue, keeper, sealer, clock),
    )
    return Middle(
        services=services, begin=begin, release=release, sweep=sweep, keeper=keeper
    )
