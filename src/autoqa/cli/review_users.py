"""``autoqa review user``: who may use the review page."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from autoqa.cli.arguments import DEFAULT_REVIEW_DATABASE, AsJson, ReviewDatabase
from autoqa.cli.console import example, say, say_json, table

if TYPE_CHECKING:
    from autoqa.review.users import Account

app = typer.Typer(
    help="Add, list and deactivate users of the review page, and set their passwords.",
    epilog=example("autoqa review user add ana --role reviewer"),
    no_args_is_help=True,
    rich_markup_mode=None,
)

Name = Annotated[
    str,
    typer.Argument(metavar="NAME", help="What the user logs in with.", show_default=False),
]


@app.command(
    epilog=example(
        "autoqa review user add ana --role reviewer",
        "autoqa review user add omar --role lead --team night",
        "autoqa review user add maya --role agent --agent 'Maya Okafor' < password.txt",
    )
)
def add(
    name: Name,
    role: Annotated[
        str,
        typer.Option(
            "--role",
            metavar="ROLE",
            help="reviewer, lead, agent (own conversations only), analyst (reads) or admin.",
            show_default=False,
        ),
    ],
    display_name: Annotated[
        str, typer.Option("--display-name", metavar="TEXT", help="Shown instead of NAME.")
    ] = "",
    team: Annotated[
        str | None,
        typer.Option(
            "--team",
            metavar="TEAM",
            help="As in the conversations: a lead with a team sees those of that team only.",
            show_default=False,
        ),
    ] = None,
    agent: Annotated[
        str | None,
        typer.Option(
            "--agent",
            metavar="AGENT",
            help="As in the conversations: whose a user in the role of agent sees.",
            show_default=False,
        ),
    ] = None,
    no_password: Annotated[
        bool,
        typer.Option("--no-password", help="They come in by one-time links from an admin alone."),
    ] = False,
    database: ReviewDatabase = DEFAULT_REVIEW_DATABASE,
) -> None:
    """Add a user. The password is asked for, or read as one line from standard input."""
    from autoqa.review.database import open_database
    from autoqa.review.users import CONSOLE, add_user

    with open_database(database) as opened:
        user = add_user(
            opened,
            CONSOLE,
            name,
            role=role,
            password=None if no_password else _password(),
            display_name=display_name,
            team=team,
            agent=agent,
        )
    say(f"{user.name}: added as {user.role}.")
    if no_password:
        say(f"For a link to come in with: autoqa review user link {user.name}")


@app.command("list", epilog=example("autoqa review user list"))
def list_all(database: ReviewDatabase = DEFAULT_REVIEW_DATABASE, as_json: AsJson = False) -> None:
    """List all users."""
    from autoqa.review.database import open_database
    from autoqa.review.users import CONSOLE, list_users

    with open_database(database, create=False) as opened:
        accounts = list_users(opened, CONSOLE)
    if as_json:
        say_json([_plain(account) for account in accounts])
    elif accounts:
        head = ("name", "role", "display name", "team", "agent", "comes in by", "active")
        say(table(head, [_row(account) for account in accounts]))
    else:
        say("No users yet: add one with `autoqa review user add`.")


@app.command(epilog=example("autoqa review user password ana"))
def password(name: Name, database: ReviewDatabase = DEFAULT_REVIEW_DATABASE) -> None:
    """Set a user's password and end their sessions.

    The password is asked for, or read as one line from standard input.
    """
    from autoqa.review.database import open_database
    from autoqa.review.users import CONSOLE, set_password

    with open_database(database, create=False) as opened:
        set_password(opened, CONSOLE, name, _password())
    say(f"{name}: has a new password; sessions have ended.")


@app.command(epilog=example("autoqa review user deactivate ana"))
def deactivate(name: Name, database: ReviewDatabase = DEFAULT_REVIEW_DATABASE) -> None:
    """Let a user come in no more; what they did stays, what they held is free for others."""
    from autoqa.review.database import open_database
    from autoqa.review.users import CONSOLE
    from autoqa.review.users import deactivate as let_out

    with open_database(database, create=False) as opened:
        let_out(opened, CONSOLE, name)
    say(f"{name}: deactivated.")


@app.command(epilog=example("autoqa review user activate ana"))
def activate(name: Name, database: ReviewDatabase = DEFAULT_REVIEW_DATABASE) -> None:
    """Let a user who was deactivated come in again."""
    from autoqa.review.database import open_database
    from autoqa.review.users import CONSOLE
    from autoqa.review.users import activate as let_in

    with open_database(database, create=False) as opened:
        let_in(opened, CONSOLE, name)
    say(f"{name}: active.")


@app.command(epilog=example("autoqa review user link ana --address https://review.example.com"))
def link(
    name: Name,
    address: Annotated[
        str, typer.Option("--address", metavar="URL", help="Where the review page is served.")
    ] = "http://127.0.0.1:5002",
    database: ReviewDatabase = DEFAULT_REVIEW_DATABASE,
) -> None:
    """Print a link with which a user comes in once, within 15 minutes, without a password."""
    from autoqa.review.database import open_database
    from autoqa.review.logins import one_time_link
    from autoqa.review.users import CONSOLE, account_of

    with open_database(database, create=False) as opened:
        token = one_time_link(opened, account_of(opened, CONSOLE, name).user)
    say(f"{address.rstrip('/')}/login/link?token={token}")


def _password() -> str:
    if sys.stdin.isatty():
        asked: str = typer.prompt("Password", hide_input=True, confirmation_prompt=True)
        return asked
    line = sys.stdin.readline().rstrip("\r\n")
    if not line:
        raise typer.BadParameter("standard input holds none; type it at a terminal or pipe it in")
    return line


def _plain(account: Account) -> dict[str, Any]:
    user = account.user
    return {
        "name": user.name,
        "role": str(user.role),
        "display_name": user.display_name,
        "team": user.team,
        "agent": user.agent,
        "has_password": account.has_password,
        "active": account.active,
        "created_at": account.created_at.isoformat(),
    }


def _row(account: Account) -> tuple[str, ...]:
    user = account.user
    return (
        user.name,
        str(user.role),
        user.display_name,
        user.team or "",
        user.agent or "",
        "password" if account.has_password else "link",
        "yes" if account.active else "no",
    )
