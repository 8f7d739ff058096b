"""The rate limit of sign-ins."""

from tidehub.throttle import Throttle, wait_sentence


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_waits_grow_and_end() -> None:
    clock = Clock()
    throttle = Throttle(free=3, longest=60, clock=clock)
    waits = []
    for _ in range(12):
        throttle.begin("ada")
        waits.append(throttle.wait("ada"))
    assert waits[:4] == [0, 0, 1, 2]
    assert waits[-1] == 60
    clock.now += 61
    assert throttle.wait("ada") == 0
    assert throttle.wait("bob") == 0


def test_the_wait_begins_when_the_failure_is_known() -> None:
    clock = Clock()
    throttle = Throttle(free=1, clock=clock)
    throttle.begin("ada")
    clock.now += 30  # a busy machine takes its time
    assert throttle.wait("ada") == 0
    throttle.fail("ada")
    assert throttle.wait("ada") == 1
    throttle.fail("bob")
    assert throttle.wait("bob") == 0


def test_attempts_sent_at_once_are_not_free() -> None:
    throttle = Throttle(free=2)
    for _ in range(3):
        throttle.begin("ada")  # none has ended yet
    assert throttle.wait("ada") > 0


def test_success_forgives_the_account_but_not_others_at_the_address() -> None:
    throttle = Throttle(free=5)
    for _ in range(4):
        throttle.begin("address")
    throttle.undo("address")
    throttle.begin("address")
    assert throttle.wait("address") == 0
    throttle.begin("address")
    assert throttle.wait("address") > 0
    throttle.succeed("address")
    assert throttle.wait("address") == 0


def test_made_up_names_do_not_fill_the_memory() -> None:
    throttle = Throttle(capacity=100)
    for number in range(1000):
        throttle.begin(f"name-{number}")
    assert len(throttle._records) == 100


def test_long_ago_is_forgotten() -> None:
    clock = Clock()
    throttle = Throttle(free=2, forget=100, clock=clock)
    throttle.begin("ada")
    clock.now += 101
    throttle.begin("ada")
    assert throttle.wait("ada") == 0


def test_the_sentence_counts_up_and_in_words() -> None:
    assert wait_sentence(0.4) == "Too many sign-in attempts. Please wait 1 second, then try again."
    assert "9 seconds" in wait_sentence(8.2)
