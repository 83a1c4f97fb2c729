"""Which commands there are. Each one's module is imported only when it is called."""

from importlib import import_module

import click

# name -> the module and function it is, and what `litekeep --help` says of it
COMMANDS = {
    "backup": ("jobs.backup.command:backup", "Take a backup of DATABASE_URL."),
    "continuous": (
        "litekeep.commands.continuous:continuous",
        "Make a point whenever something was written, again and again.",
    ),
    "list": ("litekeep.commands.list_backups:list_backups", "List the backups in a store, newest first."),
    "timeline": ("litekeep.commands.timeline:timeline", "Show the moments that can be reached, and the gaps."),
    "status": ("litekeep.commands.status:status", "Show how backups stand, and what needs attention."),
    "verify": ("jobs.verify.command:verify", "Prove backups good by restoring them into a scratch database."),
    "restore": ("jobs.restore.command:restore", "Bring a backup back, into a new database or in place."),
    "import": (
        "litekeep.commands.import_file:import_file",
        "Make a new database of a .sql, .sql.gz or .sqlite[.zst] file.",
    ),
    "export": (
        "litekeep.commands.export:export",
        "Write a backup as a plain file that the stock sqlite3 opens.",
    ),
    "diff": (
        "litekeep.commands.diff:diff",
        "Show what differs between two backups, or a backup and the live database.",
    ),
    "rows": ("litekeep.commands.rows:rows", "Bring back rows of one table into a live database."),
    "cleanup": ("jobs.cleanup.command:cleanup", "Delete the backups whose time is over."),
    "drill": ("litekeep.commands.drill:drill", "Rehearse recovery from what the store holds, with a report."),
    "native": (
        "litekeep.commands.native:native",
        "SQLite Cloud's own backups: status, enable, list, restore.",
    ),
    "copy": ("litekeep.commands.copy:copy", "Bring another store up to date."),
    "show": ("litekeep.commands.show:show", "Show all that a backup's manifest and verdicts say."),
    "delete": ("litekeep.commands.delete:delete", "Delete one backup before its time."),
    "retire": ("litekeep.commands.retire:retire", "Say that a database is no more."),
    "hold": ("litekeep.commands.hold:hold", "Keep a backup whatever its age, until it is released."),
    "release": ("litekeep.commands.release:release", "End the hold of a backup."),
    "request": ("litekeep.commands.request:request", "Ask for what needs two persons."),
    "requests": ("litekeep.commands.requests:requests", "List what was asked for, and what became of it."),
    "approve": ("litekeep.commands.approve:approve", "Approve what another person asks for."),
    "refuse": ("litekeep.commands.approve:refuse", "Refuse a request, which ends it."),
    "audit": ("litekeep.commands.audit:audit", "List who did what, or check that the audit trail is whole."),
    "cost": ("litekeep.commands.cost:cost", "Show what the store costs, and what a change would save."),
    "monitor": ("jobs.monitor.command:monitor", "Look for what is missing, and write an event for each finding."),
    "health": ("litekeep.commands.health:health", "Check source, store and key, a line each."),
    "policy": ("litekeep.commands.policy:policy", "Check, show or sign the policy file."),
    "erase": ("litekeep.commands.erase:erase", "Record an erasure that whatever comes out of a backup replays."),
    "keys": ("litekeep.commands.keys:keys", "Show which keys are needed for what; print a recovery sheet."),
    "rekey": ("litekeep.commands.rekey:rekey", "Wrap the data keys of all backups with another key."),
    "keygen": ("litekeep.commands.keygen:keygen", "Make a key file, or with --signing a pair of signing keys."),
    "console": ("litekeep.commands.console:console", "Show how backups stand in a browser on this machine."),
    "init": ("litekeep.commands.init:init", "Ask five questions, try the answers, and write the settings file."),
    "systemd": (
        "litekeep.commands.systemd:systemd",
        "Write systemd units that back up, verify, clean up, watch and rehearse.",
    ),
    "completion": (
        "litekeep.commands.completion:completion",
        "Print or install the shell completion for bash, zsh or fish.",
    ),
    "man": ("litekeep.commands.man:man", "Print or install the manual page."),
}
_HIDDEN = {"sample": "litekeep.commands.sample:sample"}

_EPILOG = """\b
Settings (environment, or .env or litekeep.toml in the working folder; the environment
wins, and an empty value there stands for the default):
  DATABASE_URL       a path, file:PATH, or sqlitecloud://HOST[:8860]/NAME?apikey=…
  BACKUP_DATABASES   * or names: several databases of that project
  BACKUP_STORE       gs://BUCKET[/PREFIX] or a folder            [./backups]
  BACKUP_COPY_STORE  a second store that gets every backup too
  BACKUP_KEY         gcp-kms://projects/…/cryptoKeys/NAME, file:PATH, or none
                                                                 [file:./litekeep.key]
  BACKUP_FORMATS     sql, sqlite or sql,sqlite                   [sql,sqlite]
  BACKUP_RETENTION   such as daily=30d,weekly=90d   [daily, weekly and continuous 7d,
                     pre-deployment and on-demand 30d, milestone 365d; where ENVIRONMENT
                     is production daily 30d, weekly 90d]
  BACKUP_SCHEDULES   kind=cron pairs (UTC), such as daily=0 0 * * *;weekly=0 0 * * 0
  BACKUP_MIN_KEEP    good backups of a database that always stay [3]
  BACKUP_REVERIFY    each kept backup is read again at least this often      [30d]
  BACKUP_SKIP_UNCHANGED  true: no scheduled backup of what nobody has written to [false]
  BACKUP_POLICY      the policy file, where /etc/litekeep/policy/policy.json is not
  BACKUP_SIGNING_KEY file:PATH, or gcp-kms://…/cryptoKeyVersions/N: signs requests,
                     approvals, verdicts, drills and checkpoints
  BACKUP_EVENTS      gcp-logging://projects/P/logs/NAME: events go to that log too, outside
                     Cloud Run; checkpoints of the audit trail to NAME-checkpoints
  BACKUP_NOTIFY      who gets a message of findings that begin and end: Apprise URLs, with
                     blanks between, such as mailto://… slack://… ntfys://…
  BACKUP_HEARTBEAT_URL  called after each good backup, so that silence is noticed
  BACKUP_DRILL_SQL   a file of the application's own checks, for litekeep drill
  BACKUP_CONSOLE_AUDIENCES  whom Identity-Aware Proxy signs for, where the console runs
                     behind it; BACKUP_CONSOLE_SECRET holds its forms across instances,
                     BACKUP_CONSOLE_RESTORE_JOB is the job that it starts
  ENVIRONMENT        production, staging, development or test    [development]
  LOG_FORMAT         json or text                                [text; json on Cloud Run]

\b
Exit codes: 0 done; 1 failed, or needs attention; 2 wrong usage or setting;
3 a backup or file is not good; 4 not permitted. 141: the reader of a pipe closed it.
"""


class LazyGroup(click.Group):
    """Knows its commands by name and imports the one that is wanted."""

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

    Without a command: where things stand, and what to do next.
    """
    if context.invoked_subcommand is not None:
        return None
    from litekeep.standing import say_standing

    return say_standing()
