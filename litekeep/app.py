"""The command line and its commands. A command's module is imported only when it is called."""

from importlib import import_module

import click

# name -> module and function, and the summary in `litekeep --help`
COMMANDS = {
    "backup": ("jobs.backup.command:backup", "Take a backup of DATABASE_URL."),
    "continuous": (
        "litekeep.commands.continuous:continuous",
        "Take continuous backups: a point after each change, until stopped.",
    ),
    "list": ("litekeep.commands.list_backups:list_backups", "List the backups in a store, newest first."),
    "timeline": ("litekeep.commands.timeline:timeline", "Show the moments that can be restored, and the gaps."),
    "status": ("litekeep.commands.status:status", "Show the state of backups, and what needs attention."),
    "verify": ("jobs.verify.command:verify", "Verify backups by restoring them into a scratch database."),
    "restore": ("jobs.restore.command:restore", "Restore a backup into a new database or in place."),
    "import": (
        "litekeep.commands.import_file:import_file",
        "Load a .sql, .sql.gz or .sqlite[.zst] file into a new database.",
    ),
    "export": (
        "litekeep.commands.export:export",
        "Write a backup as a plain file that the stock sqlite3 opens.",
    ),
    "diff": (
        "litekeep.commands.diff:diff",
        "Show what differs between two backups, or a backup and the live database.",
    ),
    "rows": ("litekeep.commands.rows:rows", "Restore rows of one table into a live database."),
    "cleanup": ("jobs.cleanup.command:cleanup", "Delete backups whose retention has ended."),
    "drill": ("litekeep.commands.drill:drill", "Rehearse recovery from the store, with a report."),
    "native": (
        "litekeep.commands.native:native",
        "Manage SQLite Cloud's own backups: status, enable, list, restore.",
    ),
    "copy": ("litekeep.commands.copy:copy", "Bring another store up to date."),
    "show": ("litekeep.commands.show:show", "Show the manifest and the verdicts of a backup."),
    "delete": ("litekeep.commands.delete:delete", "Delete one backup before its retention ends."),
    "retire": ("litekeep.commands.retire:retire", "Retire a database that no longer exists."),
    "hold": ("litekeep.commands.hold:hold", "Keep a backup at any age, until it is released."),
    "release": ("litekeep.commands.hold:release", "End the hold of a backup."),
    "request": ("litekeep.commands.request:request", "Request an operation that needs two persons."),
    "requests": ("litekeep.commands.requests:requests", "List requests and their state."),
    "approve": ("litekeep.commands.approve:approve", "Approve a request of another person."),
    "refuse": ("litekeep.commands.approve:refuse", "Refuse a request."),
    "audit": ("litekeep.commands.audit:audit", "List who did what, or check that the audit trail is whole."),
    "cost": ("litekeep.commands.cost:cost", "Show what the store costs, and what a change would save."),
    "monitor": ("jobs.monitor.command:monitor", "Check ages, sizes and schedules, and emit an event for each finding."),
    "health": ("litekeep.commands.health:health", "Check source, store and key."),
    "policy": ("litekeep.commands.policy:policy", "Check, show or sign the policy file."),
    "erase": ("litekeep.commands.erase:erase", "Record an erasure, which every restore then replays."),
    "keys": ("litekeep.commands.keys:keys", "Show which keys are needed for what; print a recovery sheet."),
    "rekey": ("litekeep.commands.rekey:rekey", "Wrap the data keys of all backups with another key."),
    "keygen": ("litekeep.commands.keygen:keygen", "Make a key file, or with --signing a pair of signing keys."),
    "console": ("litekeep.commands.console:console", "Show the state of backups in a browser on this machine."),
    "init": ("litekeep.commands.init:init", "Ask five questions, try the answers, and write the settings file."),
    "systemd": (
        "litekeep.commands.systemd:systemd",
        "Write systemd units for backup, verify, cleanup, monitor and drill.",
    ),
    "completion": (
        "litekeep.commands.completion:completion",
        "Print or install the shell completion for bash, zsh or fish.",
    ),
    "man": ("litekeep.commands.man:man", "Print or install the manual page."),
}
_HIDDEN = {"sample": "litekeep.commands.sample:sample"}

_EPILOG = """\b
Settings (from the environment, or from .env or litekeep.toml in the working folder; the
environment takes precedence, and an empty value there means the default):
  DATABASE_URL       a path, file:PATH, or sqlitecloud://HOST[:8860]/NAME?apikey=…
  BACKUP_DATABASES   * or names: back up several databases of that project
  BACKUP_STORE       gs://BUCKET[/PREFIX] or a folder            [./backups]
  BACKUP_COPY_STORE  a second store that gets every backup too
  BACKUP_KEY         gcp-kms://projects/…/cryptoKeys/NAME, file:PATH, or none
                                                                 [file:./litekeep.key]
  BACKUP_FORMATS     sql, sqlite or sql,sqlite                   [sql,sqlite]
  BACKUP_RETENTION   such as daily=30d,weekly=90d   [daily, weekly and continuous 7d,
                     pre-deployment and on-demand 30d, milestone 365d; where ENVIRONMENT
                     is production daily 30d, weekly 90d]
  BACKUP_SCHEDULES   kind=cron pairs (UTC), such as daily=0 0 * * *;weekly=0 0 * * 0
  BACKUP_MIN_KEEP    good backups of a database that are always kept [3]
  BACKUP_REVERIFY    each kept backup is verified again at least this often  [30d]
  BACKUP_SKIP_UNCHANGED  true: no scheduled backup if nothing was written     [false]
  BACKUP_POLICY      the policy file, if /etc/litekeep/policy/policy.json does not exist
  BACKUP_SIGNING_KEY file:PATH, or gcp-kms://…/cryptoKeyVersions/N: signs requests,
                     approvals, verdicts, drills and checkpoints
  BACKUP_EVENTS      gcp-logging://projects/P/logs/NAME: also write events to that log,
                     outside Cloud Run; checkpoints of the audit trail to NAME-checkpoints
  BACKUP_NOTIFY      who is notified when findings begin and end: Apprise URLs, separated
                     by spaces, such as mailto://… slack://… ntfys://…
  BACKUP_HEARTBEAT_URL  called after each successful backup, to notice when they stop
  BACKUP_DRILL_SQL   a file of the application's own checks, for litekeep drill
  BACKUP_CONSOLE_AUDIENCES  accepted audiences of Identity-Aware Proxy, for a console behind
                     it; BACKUP_CONSOLE_SECRET signs its forms on all instances,
                     BACKUP_CONSOLE_RESTORE_JOB is the job that it starts
  ENVIRONMENT        production, staging, development or test    [development]
  LOG_FORMAT         json or text                                [text; json on Cloud Run]

\b
Exit codes: 0 done; 1 failed, or needs attention; 2 wrong usage or setting;
3 a backup or file is not good; 4 not permitted; 141 the reader of a pipe closed it.
"""


class LazyGroup(click.Group):
    """A group that imports a command only when it is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        place = COMMANDS[cmd_name][0] if cmd_name in COMMANDS else _HIDDEN.get(cmd_name)
        if place is None:
            return None
        module, _, function = place.partition(":")
        command = getattr(import_module(module), function)
        return command if isinstance(command, click.Command) else None

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, summary) for name, (_, summary) in COMMANDS.items()])


@click.group(
    cls=LazyGroup,
    epilog=_EPILOG,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)
@click.version_option(package_name="litekeep", message="litekeep %(version)s")
@click.pass_context
def litekeep(context: click.Context) -> int | None:
    """Backups of SQLite databases, each proven by a restore.

    Without a command, shows a short status and the next steps.
    """
    if context.invoked_subcommand is not None:
        return None
    from litekeep.summary import show_summary

    return show_summary()
