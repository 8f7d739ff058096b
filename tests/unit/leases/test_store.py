"""The file: permissions, versions, damage, and a full or foreign disk."""

import os
import sqlite3
import stat
import threading

import pytest

from tests.support.leases import FakeClock, granted, simulated
from tidelab.leases import Book, LeaseError, Owner, Policy, Request, Seconds, Seen, labels, schema


def test_only_its_account_reads_it(book):
    granted(book, "ada")
    assert stat.S_IMODE(book.file.parent.stat().st_mode) == 0o700
    for file in book.file.parent.iterdir():
        assert stat.S_IMODE(file.stat().st_mode) == 0o600, file.name


def test_a_book_of_an_older_version_is_brought_up_to_date(tmp_path, monkeypatch):
    monkeypatch.setattr("tidelab.leases.store.MIGRATIONS", schema.MIGRATIONS[:1])
    file = tmp_path / "b.sqlite"
    old = sqlite3.connect(file)
    from tidelab.leases import store

    store.migrate(old, file)
    assert old.execute("PRAGMA user_version").fetchone() == (1,)
    old.execute("INSERT INTO more (user, text, asked) VALUES ('ada', 'more', 1.0)")
    old.commit()
    old.close()
    monkeypatch.setattr("tidelab.leases.store.MIGRATIONS", (*schema.MIGRATIONS, "CREATE TABLE later (x);"))
    book = Book(file)
    assert [wish.text for wish in book.requests()] == ["more"]
    with sqlite3.connect(file) as now:
        assert now.execute("PRAGMA user_version").fetchone() == (len(schema.MIGRATIONS) + 1,)
        assert now.execute("SELECT count(*) FROM later").fetchone() == (0,)


def test_a_migration_that_fails_changes_nothing(book, monkeypatch):
    granted(book, "ada")
    book.close()
    monkeypatch.setattr(
        "tidelab.leases.store.MIGRATIONS",
        (*schema.MIGRATIONS, "CREATE TABLE later (x);\nSELECT no FROM such;"),
    )
    with pytest.raises(LeaseError, match="cannot be used"):
        Book(book.file).live()
    monkeypatch.undo()
    assert [lease.owner.user for lease in book.live()] == ["ada"]


def test_a_book_of_a_newer_version_is_left_alone(book):
    granted(book, "ada")
    book.close()
    with sqlite3.connect(book.file) as newer:
        newer.execute("PRAGMA user_version = 99")
    with pytest.raises(LeaseError, match=r"has version 99, .* a newer one wrote it"):
        book.live()
    assert not list(book.file.parent.glob("*damaged*"))


@pytest.mark.parametrize("damage", ["text", "empty pages", "half", "zero"])
def test_a_damaged_file_is_set_aside_and_leases_come_back_from_labels(book, clock: FakeClock, damage, caplog):
    book.set_quota("person", "zoe", gpus=7)
    lease = book.activate(granted(book, "ada").id, "docker:c1")
    for number in range(200):  # so that the damage lies among the pages in use
        book.add_seconds(lease.id, Seconds(1, 1, 1))
        clock.tick(3600)
        book.ask_more(f"user{number}", "x" * 200)
    book.close()
    content = book.file.read_bytes()
    assert len(content) > 65_536
    book.file.write_bytes(
        {
            "text": b"this is no database " * 1000,
            "empty pages": content[:4096] + bytes(8192) + content[12_288:],
            "half": content[: len(content) // 2],
            "zero": bytes(len(content)),
        }[damage]
    )
    again = Book(book.file, clock=clock)
    for _ in range(
        3
    ):  # damage that shows only in some page: the call that meets it says so, the next one works
        try:
            again.set_inventory(simulated(2))
            again.set_policy(Policy(per_person=None))
            again.reconcile([Seen("docker:c1", True, labels.of(lease))], as_of=clock.now)
            again.requests()
            again.seconds()
            break
        except LeaseError as error:
            assert "has been replaced. Try again" in str(error)  # noqa: PT017
    assert [one.id for one in again.live()] == [lease.id]
    granted(again, "bo")
    assert again.ask(Owner("cy", "s"), Request()).lease is None
    assert again.seconds() is not None
    assert sqlite3.connect(book.file).execute("PRAGMA quick_check").fetchone() == ("ok",)


def test_limits_of_a_damaged_file_are_kept_where_they_can_be_read(book):
    from tidelab.leases.store import Store

    book.set_quota("person", "zoe", gpus=7)
    granted(book, "ada")
    Store(book.file)._set_aside("not at all")
    assert not list(book.file.parent.glob("*damaged*")), "a sound file is not set aside"
    book.close()
    with sqlite3.connect(book.file) as database:
        (page,) = database.execute("SELECT rootpage FROM sqlite_master WHERE name = 'event'").fetchone()
        (size,) = database.execute("PRAGMA page_size").fetchone()
    content = bytearray(book.file.read_bytes())
    content[(page - 1) * size : page * size] = b"\xff" * size
    book.file.write_bytes(content)
    again = Book(book.file)
    with pytest.raises(LeaseError, match=r"was damaged and has been replaced. Try again"):
        granted(again, "bo")
    kept = again.quotas()
    assert list(book.file.parent.glob("*damaged*"))
    assert [(row.name, row.gpus) for row in kept] == [("zoe", 7)]
    assert "and set aside as" in again.events()[-1].text


def test_a_file_that_was_deleted_is_begun_anew(book):
    granted(book, "ada")
    for file in book.file.parent.iterdir():
        file.unlink()
    assert book.live() == []
    book.set_inventory(simulated(1))
    assert granted(book, "bo")


def test_a_place_that_cannot_be_written_is_said(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(LeaseError, match=r"The lease book .* cannot be used: File exists"):
        Book(tmp_path / "file" / "b.sqlite").live()
    (tmp_path / "folder.sqlite").mkdir()
    with pytest.raises(LeaseError, match="cannot be used"):
        Book(tmp_path / "folder.sqlite").live()


def test_a_book_that_others_keep_locked_is_said(book, monkeypatch):
    monkeypatch.setattr("tidelab.leases.store.BUSY_S", 0.05)
    other = sqlite3.connect(book.file, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    book.close()
    with pytest.raises(LeaseError, match=r"was in use by others for 0\.05 s"):
        book.live()
    other.execute("ROLLBACK")
    assert book.live() == []


def test_the_database_itself_refuses_double_booking(book):
    lease = granted(book, "ada")
    granted(book, "bo", "t")
    book.close()
    database = sqlite3.connect(book.file)
    place = lease.held[0]
    insert = "INSERT INTO holding (lease, device, slot, kind) VALUES (?, ?, ?, ?)"
    with pytest.raises(sqlite3.IntegrityError, match="UNIQUE"):
        database.execute(insert, (lease.id, place.device, place.slot, "whole"))
    with pytest.raises(sqlite3.IntegrityError, match="another kind"):
        database.execute(insert, (lease.id, place.device, 5, "shared"))
    for change in ("DELETE FROM event", "UPDATE event SET text = ''"):
        with pytest.raises(sqlite3.IntegrityError, match="events are kept"):
            database.execute(change)


def test_a_fork_uses_a_connection_of_its_own(book):
    granted(book, "ada")
    child = os.fork()
    if child == 0:
        try:
            granted(book, "bo")
            os._exit(0)
        except BaseException:
            os._exit(1)
    assert os.waitpid(child, 0)[1] == 0
    assert {lease.owner.user for lease in book.live()} == {"ada", "bo"}


def test_24_threads_at_once(tmp_path):
    """24 threads, 8 tries each, on 4 cards and 3 shared places: nobody is double-booked, and nothing is left over."""
    book = Book(tmp_path / "b.sqlite")
    book.set_inventory([*simulated(4), *simulated(1, "shared", 3, first=4)])
    book.set_policy(Policy(per_person=None))
    owned: dict[tuple[str, int], str] = {}
    guard, faults, counts = threading.Lock(), [], {"granted": 0, "waiting": 0}

    def work(number):
        try:
            for turn in range(8):
                request = (
                    Request("shared") if (number + turn) % 3 == 0 else Request(count=1 + (turn % 5 == 0))
                )
                asked = book.ask(Owner(f"u{number}", "s"), request)
                if asked.lease is None:
                    book.withdraw(asked.ticket.id)
                    with guard:
                        counts["waiting"] += 1
                    continue
                places = [(place.device, place.slot) for place in asked.lease.held]
                with guard:
                    counts["granted"] += 1
                    faults.extend(place for place in places if owned.get(place))
                    owned.update(dict.fromkeys(places, asked.lease.id))
                book.activate(asked.lease.id, f"docker:{number}-{turn}")
                with guard:
                    for place in places:
                        del owned[place]
                book.release(asked.lease.id, "done")
        except Exception as error:
            faults.append(error)
        finally:
            book.close()

    threads = [threading.Thread(target=work, args=(number,)) for number in range(24)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert faults == []
    assert book.live() == []
    assert counts["granted"] + counts["waiting"] == 24 * 8
    assert counts["granted"] > 24
    assert sqlite3.connect(book.file).execute("PRAGMA integrity_check").fetchone() == ("ok",)
