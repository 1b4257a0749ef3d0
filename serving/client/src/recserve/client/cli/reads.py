"""The commands that ask: recommend, rank, similar, search, suggest, status."""

import click
from recserve.client.cli import options
from recserve.client.cli.connection import Connection, connected
from recserve.client.cli.printing import show_page, show_slate, show_status
from recserve.client.cli.texts import shown
from recserve.client.enums import Surface
from recserve.client.requests import Consent, Context, Filter


@click.command()
@options.surface
@options.user
@options.consent
@options.page_size
@click.option("--exclude-purchased", is_flag=True, help="Leave out what was bought before.")
@options.exclude
@options.filters
@click.option("--seed", multiple=True, metavar="ID", help="Relate the answer to this item.")
@options.explain
@options.event_token
@options.context
@options.request_id
@options.output
@connected
def recommend(
    *,
    connection: Connection,
    surface: Surface,
    user: str | None,
    consent: Consent,
    page_size: int,
    exclude_purchased: bool,
    exclude: tuple[str, ...],
    filters: list[Filter],
    seed: tuple[str, ...],
    explain: bool,
    event_token: str | None,
    context: Context | None,
    request_id: str | None,
    output: str,
) -> None:
    """What a person should see, best first."""
    with connection.client() as client:
        slate = client.recommend(
            surface,
            user_id=user,
            page_size=page_size,
            exclude_purchased=exclude_purchased,
            exclude_item_ids=exclude,
            consent=consent,
            request_id=request_id,
            context=context,
            filters=filters,
            seed_item_ids=seed,
            explain=explain,
            event_token=event_token,
        )
    show_slate(slate, output)


@click.command()
@click.argument("item_ids", nargs=-1, required=True, metavar="ITEM...")
@options.surface
@options.user
@options.consent
@options.explain
@options.event_token
@options.context
@options.request_id
@options.output
@connected
def rank(
    *,
    connection: Connection,
    item_ids: tuple[str, ...],
    surface: Surface,
    user: str | None,
    consent: Consent,
    explain: bool,
    event_token: str | None,
    context: Context | None,
    request_id: str | None,
    output: str,
) -> None:
    """Your own candidates, most probable first."""
    with connection.client() as client:
        slate = client.rank(
            surface,
            item_ids,
            user_id=user,
            consent=consent,
            request_id=request_id,
            context=context,
            explain=explain,
            event_token=event_token,
        )
    show_slate(slate, output)


@click.command()
@click.argument("item_id", metavar="ITEM")
@options.page_size
@options.exclude
@options.filters
@options.request_id
@options.output
@connected
def similar(
    *,
    connection: Connection,
    item_id: str,
    page_size: int,
    exclude: tuple[str, ...],
    filters: list[Filter],
    request_id: str | None,
    output: str,
) -> None:
    """The items nearest to one item."""
    with connection.client() as client:
        slate = client.similar(
            item_id,
            page_size=page_size,
            exclude_item_ids=exclude,
            request_id=request_id,
            filters=filters,
        )
    show_slate(slate, output)


@click.command()
@click.argument("query", metavar="QUERY")
@options.user
@options.consent
@options.page_size
@click.option("--page-token", metavar="TOKEN", help="That the page before told: the next page.")
@options.filters
@click.option("--facet", multiple=True, metavar="FIELD", help="Count the values of this field.")
@click.option("--order-by", metavar="FIELD", help="A field of numbers, with ' desc' or without.")
@options.event_token
@options.context
@options.request_id
@options.output
@connected
def search(
    *,
    connection: Connection,
    query: str,
    user: str | None,
    consent: Consent,
    page_size: int,
    page_token: str | None,
    filters: list[Filter],
    facet: tuple[str, ...],
    order_by: str | None,
    event_token: str | None,
    context: Context | None,
    request_id: str | None,
    output: str,
) -> None:
    """The items that fit the words of QUERY."""
    with connection.client() as client:
        page = client.search(
            query,
            user_id=user,
            page_size=page_size,
            page_token=page_token,
            filters=filters,
            facet_fields=facet,
            order_by=order_by,
            consent=consent,
            request_id=request_id,
            context=context,
            event_token=event_token,
        )
    show_page(page, output)


@click.command()
@click.argument("text", metavar="TEXT")
@click.option(
    "-n", "--page-size", type=click.IntRange(1, 20), default=10, show_default=True, help="How many."
)
@options.request_id
@connected
def suggest(*, connection: Connection, text: str, page_size: int, request_id: str | None) -> None:
    """What completes TEXT, a line each."""
    with connection.client() as client:
        for found in client.suggest(text, page_size=page_size, request_id=request_id):
            click.echo(shown(found))


@click.command()
@options.output
@connected
def status(*, connection: Connection, output: str) -> None:
    """What the deployment serves."""
    with connection.client() as client:
        found = client.status()
    show_status(found, output)
