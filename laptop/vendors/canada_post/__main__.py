import argparse
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from laptop.vendors.canada_post.app import build_app
from laptop.vendors.canada_post.books import Books
from laptop.vendors.canada_post.post_office import PostOffice
from laptop.vendors.common.access import Account
from laptop.vendors.common.clock import SettableClock
from laptop.vendors.common.serving import Opened, run, sandbox_parser


def main(arguments: Sequence[str] | None = None) -> int:
    return run("canada post sandbox", parser().parse_args(arguments), _opened)


@contextmanager
def _opened(given: argparse.Namespace) -> Iterator[Opened]:
    books = Books(given.data_dir)
    with books.database:
        clock = SettableClock(books.database)
        office = PostOffice(books, clock, given.seed)
        json = Account(given.client_id, given.client_secret, given.token_lifetime)
        xml = Account(given.user, given.password)
        app = build_app(office, clock, xml, json, {"apis": ["json", "xml"], "seed": given.seed})
        yield app, f"{books.report()['labels_sold']} labels sold so far"


def parser() -> argparse.ArgumentParser:
    options = sandbox_parser("canada_post", "Canada Post")
    options.add_argument("--seed", type=int, default=0, help="for the tracking numbers")
    options.add_argument("--client-id", help="the only application that gets a token; without it, any does")
    options.add_argument("--client-secret")
    options.add_argument("--token-lifetime", type=float, default=3600.0, help="seconds")
    options.add_argument("--user", help="the only XML API user; without it, any")
    options.add_argument("--password")
    return options


if __name__ == "__main__":
    sys.exit(main())
