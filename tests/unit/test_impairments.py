"""Rules that hinder: which hold where, and what is refused."""

import pytest

from neurocluster.config import RunConfig
from neurocluster.errors import ConfigError
from neurocluster.impairments import (
    Impairments,
    LinkImpairment,
    WorkerImpairment,
    load_impairments,
)

HOSTS = {"conv1.0": "n1", "conv2.0": "n2", "client": "here"}


def rules(**data):
    return Impairments.from_wire(data)


def test_without_rules_nothing_is_hindered():
    assert not rules()
    assert rules().link("a.0", "b.0", {}) is None
    assert RunConfig().impairments().to_wire() == {
        "link": [],
        "worker": [],
        "seed": 0,
        "dilation": 1.0,
    }


def test_later_rules_win_field_by_field():
    found = rules(
        link=[{"delay_us": 100, "jitter_us": 5}, {"from": "conv1.*", "delay_us": 7}]
    )
    assert found.link("conv1.0", "x", {}) == LinkImpairment(delay_us=7, jitter_us=5)
    assert found.link("conv2.0", "x", {}) == LinkImpairment(delay_us=100, jitter_us=5)
    assert rules(link=[{"delay_us": 1}, {"delay_us": 0}]).link("a", "b", {}) is None


@pytest.mark.parametrize(
    ("rule", "holds"),
    [
        ({"from": "conv1.0"}, True),
        ({"from": "conv1"}, True),
        ({"to": "conv2.*"}, True),
        ({"to": "conv"}, False),
        ({"from": "host:n1", "to": "host:n2"}, True),
        ({"from": "host:n2"}, False),
        ({"to": "host:n*"}, True),
        ({"from": "client"}, False),
    ],
)
def test_a_rule_holds_where_its_patterns_match(rule, holds):
    found = rules(link=[{**rule, "delay_us": 3}]).link("conv1.0", "conv2.0", HOSTS)
    assert (found is not None) == holds


def test_a_host_that_is_not_known_matches_no_rule_of_hosts():
    found = rules(link=[{"to": "host:*x*", "delay_us": 3}])
    assert found.link("conv1.0", "elsewhere.0", HOSTS) is None


def test_workers_are_slowed_by_name_layer_or_host():
    found = rules(worker=[{"partition": "host:n2", "slow": 4}, {"service_us": 9}])
    assert found.worker("conv2.0", HOSTS) == WorkerImpairment(slow=4, service_us=9)
    assert found.worker("conv1.0", HOSTS) == WorkerImpairment(service_us=9)


def test_the_settings_of_a_run_become_rules_and_the_file_has_the_last_word(tmp_path):
    file = tmp_path / "rules.toml"
    file.write_text('seed = 4\n[[link]]\nfrom = "conv1"\ndelay_us = 1\n')
    config = RunConfig().replace(
        delay_us=50, straggler="conv2.0=2.5", service_us=10, service_cv=1, impair=file
    )
    found = config.impairments()
    assert found.link("conv1.0", "a", {}).delay_us == 1
    assert found.link("conv2.0", "a", {}).delay_us == 50
    assert found.worker("conv2.0", {}) == WorkerImpairment(2.5, 10, 1)
    assert found.worker("fc1.0", {}) == WorkerImpairment(1, 10, 1)
    assert found.seed == 4


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[[lnk]]", "unknown 'lnk'; known are link, worker, seed"),
        ("[[link]]\nto = 3", "impairments: link 1: to is 3, not text"),
        ("[[link]]\ndelay = 3", "link 1: unknown key 'delay'; known are burst_kib"),
        ("[[link]]\n[[link]]\nloss = 2", "link 2: loss is 2; give a number from 0 to"),
        ("[[link]]\nrate_mbit = 1e-9", "rate_mbit is 1e-09; give 0 or a number from"),
        ("[[link]]\ndelay_us = nan", "delay_us is nan; give a number"),
        ("[[link]]\njitter = 'flat'", "jitter 'flat' is none of exponential, normal"),
        ("[[worker]]\nslow = 0.5", "worker 1: slow is 0.5; give a number from 1"),
        ("link = 3", "write each rule as [[link]]"),
        ("seed = -1", "seed is -1"),
        ("x = [", "is no TOML"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named(tmp_path, text, words):
    file = tmp_path / "rules.toml"
    file.write_text(text)
    with pytest.raises(ConfigError) as caught:
        load_impairments(file)
    assert words in str(caught.value)
    assert str(file) in str(caught.value)


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(ConfigError, match=r"cannot read impairments .*none\.toml"):
        load_impairments(tmp_path / "none.toml")


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"straggler": "conv2.0=0.5"}, "straggler: conv2.0=0.5: give a factor from 1"),
        ({"straggler": "conv2.0=x"}, "straggler: conv2.0=x: give a factor"),
        ({"delay_us": -1}, "delay_us: -1.0 must be from 0 to"),
        ({"loss": 1.0}, "loss: 1.0 must be from 0 to 0.9"),
        ({"jitter": "flat"}, "jitter: 'flat' is none of exponential, normal, heavy"),
        ({"rate_mbit": 1e-9}, "rate_mbit is 1e-09; give 0 or a number from 0.001"),
        ({"seed": 1.5}, "seed: 1.5 is float, not int"),
    ],
)
def test_a_wrong_setting_is_named(settings, words):
    with pytest.raises(ConfigError) as caught:
        RunConfig().replace(**settings).impairments()
    assert words in str(caught.value)


@pytest.mark.parametrize(
    ("data", "wrong"),
    [
        ({"worker": [{"partition": "conv9", "slow": 2}]}, "conv9"),
        ({"link": [{"from": "conv1", "to": "x.*", "delay_us": 2}]}, "x.*"),
        ({"worker": [{"partition": "conv*", "slow": 2}]}, None),
        ({"link": [{"from": "client", "to": "host:a", "delay_us": 2}]}, None),
    ],
)
def test_a_rule_that_names_no_partition_is_refused(data, wrong):
    made = rules(**data)
    if wrong is None:
        made.check_names(["conv1.0", "conv2.0"])
        return
    with pytest.raises(ConfigError) as caught:
        made.check_names(["conv1.0", "conv2.0"])
    assert f"{wrong} is none of the partitions conv1.0, conv2.0" in str(caught.value)
