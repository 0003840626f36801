"""What the ledger keeps beside an activation: before each request, and across tries."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from clones.backends.snapvx.intents import (
    Intent,
    What,
    kept_intent,
    known_snapshots,
    planned_snapshots,
)
from clones.decide.ledger import Activation
from clones.errors import Fenced
from tests.clones.backends.snapvx.written_unisphere import NOON, Unisphere

MADE = Intent(("svc", "r1"), What.SNAPSHOT, "SA_x", None, "", NOON, NOON, known={"SA_w": 4}, names=("SA_w",))
OLD = {"run": ["svc", "r0"], "at": NOON.isoformat(), "after": {"000190101234 1:2": "2026-11-23T10:00:00"}}


def test_it_is_read_back_as_it_was_kept() -> None:
    whole = replace(
        MADE, snapid=7, job="55", ended=True, sent=NOON + timedelta(seconds=3), linked=(("x", 1),)
    )
    assert Intent.read(whole.to_plain()) == whole and Intent.read({}) is None and Intent.read(None) is None


def test_what_was_kept_before_there_were_intents_is_read() -> None:
    store = Unisphere(kept=dict(OLD))
    ledger = store.ledger()
    assert ledger.last == Activation.read(OLD) and ledger.intent is None and ledger.own is None
    ledger.intend(MADE.to_plain())
    again = store.ledger()
    assert again.last == Activation.read(OLD), "the activation stays beside it"
    assert kept_intent(again) == MADE and Activation.read({"intent": MADE.to_plain()}) is None


def test_an_activation_that_is_sent_replaces_both_and_can_be_taken_back() -> None:
    store = Unisphere(kept=dict(OLD))
    ledger = store.ledger()
    relink = replace(MADE, what=What.RELINK, snapid=7)
    take_back = ledger.sending(NOON - timedelta(minutes=1), relink.to_plain())
    sent = store.ledger()
    assert sent.own is not None and sent.own.at == NOON - timedelta(minutes=1)
    assert kept_intent(sent) == relink
    take_back()
    assert store.kept == OLD and ledger.last == Activation.read(OLD)


def test_an_activation_of_another_way_leaves_the_intent() -> None:
    store = Unisphere()
    ledger = store.ledger()
    ledger.intend(MADE.to_plain())
    ledger.sending()
    assert kept_intent(store.ledger()) == MADE and store.ledger().own is not None


def test_whoever_was_overtaken_keeps_nothing() -> None:
    store = Unisphere()
    late = store.ledger()
    assert late.intent is None
    store.ledger("r2").intend(replace(MADE, run=("svc", "r2")).to_plain())
    before = dict(store.kept)
    with pytest.raises(Fenced, match="Another try"):
        late.intend(MADE.to_plain())
    with pytest.raises(Fenced, match="Another try"):
        late.sending(intent=MADE.to_plain())
    assert store.kept == before


def test_what_is_known_of_snapshots() -> None:
    store = Unisphere()
    store.ledger().intend(replace(MADE, snapid=7).to_plain())
    plan = {"syncs": [{"sync": "data", "snapshots": {"SA_v": 3}}, {"sync": "logs"}]}
    assert known_snapshots(plan, "data", store.ledger()) == {"SA_v": 3, "SA_w": 4, "SA_x": 7}
    assert planned_snapshots(plan, "logs") == {} == planned_snapshots(None, "data")
    assert known_snapshots(None, "data", None) == {}
