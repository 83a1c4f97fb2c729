variable "backup_formats" {
  description = "What each backup holds: `sql` (a dump that the stock sqlite3 loads), `sqlite` (the pages), or both."
  type        = set(string)
  default     = ["sql", "sqlite"]
  nullable    = false

  validation {
    condition     = length(var.backup_formats) > 0 && length(setsubtract(var.backup_formats, ["sql", "sqlite"])) == 0
    error_message = "backup_formats must hold \"sql\", \"sqlite\" or both."
  }
}

variable "continuous_every_minutes" {
  description = "From one cycle of continuous backups to the next, in minutes; null: none are taken. 3 keeps the recovery point below 5 minutes. A cycle reads the page index of an earlier point, so the backup identity may then decrypt too, and the newest point is verified every hour (docs/continuous.md)."
  type        = number
  default     = null

  validation {
    condition     = var.continuous_every_minutes == null || contains([1, 2, 3, 4, 5, 6, 10, 12, 15, 20, 30], coalesce(var.continuous_every_minutes, 1))
    error_message = "continuous_every_minutes must be null, or one of 1, 2, 3, 4, 5, 6, 10, 12, 15, 20, 30, which divide an hour."
  }
}

variable "databases" {
  description = "The databases of the SQLite Cloud project to back up, by name, or `[\"*\"]` for all of it. Empty: the one in the connection string."
  type        = set(string)
  default     = []
  nullable    = false

  validation {
    condition     = alltrue([for name in var.databases : length(name) > 0 && !can(regex("[,\"\\\\\\s]", name))])
    error_message = "A name in databases is empty, or holds a comma, a quote, a backslash or a space: use [\"*\"] and name it nowhere."
  }
  validation {
    condition     = !contains(var.databases, "*") || length(var.databases) == 1
    error_message = "\"*\" in databases means all: name no others beside it."
  }
}

variable "deletion_protection" {
  description = "Whether Cloud Run jobs and the service refuse to be destroyed or replaced. To take them down, apply `false` first. Buckets and keys refuse in any case."
  type        = bool
  default     = true
  nullable    = false
}

variable "drill_checks" {
  description = "The application's own checks, for the drill: the text of the file that BACKUP_DRILL_SQL names, such as `TF_VAR_drill_checks=\"$(cat checks.sql)\"`. It reaches the job through Secret Manager, which takes 64 KiB. `null`: none."
  type        = string
  default     = null

  validation {
    condition     = var.drill_checks == null ? true : can(regex("(?mi)^--[ \t]*name:", var.drill_checks)) && length(var.drill_checks) <= 16384
    error_message = "drill_checks must be the text of a file of checks, each of which begins with a line `-- name: …`, of at most 16384 characters: keep fewer checks in it."
  }
}

variable "images" {
  description = "The jobs' container images by digest, as `make push` writes them into `images.auto.tfvars.json`. `null` makes all but jobs, schedules and alerts: the first step in an empty project, which makes the registry that they are pushed to."
  type = object({
    backup            = string
    cleanup           = string
    console           = optional(string)
    monitor           = string
    restore           = string
    verify            = string
    verify_on_arrival = optional(string)
  })
  default = null

  validation {
    condition     = var.images != null || var.without_jobs
    error_message = "images is missing, and without it every job, schedule and alert would be deleted. `make push` writes images.auto.tfvars.json: commit it, and where you have not pushed yourself, git pull. For a first apply, before there is an image: make deploy, or -var=without_jobs=true."
  }
  validation {
    condition     = var.images == null ? true : alltrue([for image in values(var.images) : image == null ? true : can(regex("^[a-z0-9.-]+(:[0-9]+)?/[^@\\s]+@sha256:[0-9a-f]{64}$", image))])
    error_message = "Each of images must be HOST/PATH@sha256:DIGEST: a tag can be moved, a digest cannot. make push prints them."
  }
}

variable "job_sizes" {
  description = "What each job gets. `cpu` is 1, 2, 4, 6 or 8. `scratch_gib` holds the largest database twice and half as much again: up to 2 GiB lie in memory (and count against `memory_gib`), above that on a disk of at least 10. `tasks` share out the databases. `continuous`, the cycles, has `backup`'s scratch, tasks and timeout unless told otherwise."
  type = map(object({
    cpu             = optional(number)
    max_retries     = optional(number)
    memory_gib      = optional(number)
    scratch_gib     = optional(number)
    tasks           = optional(number)
    timeout_minutes = optional(number)
  }))
  default  = {}
  nullable = false

  validation {
    condition     = length(setsubtract(keys(var.job_sizes), ["backup", "cleanup", "continuous", "monitor", "restore", "verify"])) == 0
    error_message = "job_sizes takes the keys backup, cleanup, continuous, monitor, restore and verify."
  }
  validation {
    condition     = alltrue([for size in values(var.job_sizes) : size.cpu == null ? true : contains([1, 2, 4, 6, 8], size.cpu)])
    error_message = "job_sizes: cpu must be 1, 2, 4, 6 or 8."
  }
  validation {
    condition     = alltrue([for size in values(var.job_sizes) : size.scratch_gib == null ? true : (size.scratch_gib >= 0 && size.scratch_gib <= 2) || size.scratch_gib >= 10])
    error_message = "job_sizes: scratch_gib must be 0 to 2 (memory), or 10 and more (disk)."
  }
  validation {
    condition     = alltrue([for size in values(var.job_sizes) : size.timeout_minutes == null ? true : size.timeout_minutes >= 1 && size.timeout_minutes <= 1440])
    error_message = "job_sizes: timeout_minutes must be 1 to 1440."
  }
  validation {
    condition     = alltrue([for size in values(var.job_sizes) : size.tasks == null ? true : size.tasks >= 1 && size.tasks <= 10000])
    error_message = "job_sizes: tasks must be 1 to 10000; more than there are databases is of no use."
  }
  validation {
    condition     = alltrue([for name, size in var.job_sizes : !contains(["cleanup", "restore"], name) || coalesce(size.max_retries, 0) == 0])
    error_message = "job_sizes: a cleanup or restore that failed is looked at by a person before it runs again: leave max_retries out."
  }
}

variable "network" {
  description = "The VPC that jobs reach the database through, for a fixed address or a private node. Of another project (Shared VPC), name both in full; `grant` lets Cloud Run's account into that subnet, and is false where somebody else does (docs/deploy.md). `null`: the internet, over TLS."
  type = object({
    egress     = optional(string, "PRIVATE_RANGES_ONLY")
    grant      = optional(bool, true)
    network    = string
    subnetwork = string
    tags       = optional(set(string), [])
  })
  default = null

  validation {
    condition     = var.network == null ? true : contains(["ALL_TRAFFIC", "PRIVATE_RANGES_ONLY"], var.network.egress)
    error_message = "network.egress must be ALL_TRAFFIC or PRIVATE_RANGES_ONLY."
  }
  validation {
    condition     = var.network == null ? true : !strcontains(var.network.subnetwork, "/") || can(regex("^projects/[^/]+/regions/[^/]+/subnetworks/[^/]+$", var.network.subnetwork))
    error_message = "network.subnetwork must be a name, or projects/PROJECT/regions/REGION/subnetworks/NAME."
  }
  validation {
    condition     = var.network == null ? true : !strcontains(var.network.network, "/") || can(regex("^projects/[^/]+/global/networks/[^/]+$", var.network.network))
    error_message = "network.network must be a name, or projects/PROJECT/global/networks/NAME."
  }
}

variable "operators" {
  description = "Who may start which job by hand with arguments, by job, as `group:…`, `user:…` or `serviceAccount:…`. WARNING: who may do that to the restore job may also change its environment, and with it what production refuses: keep that list short."
  type        = map(set(string))
  default     = {}
  nullable    = false

  validation {
    condition     = length(setsubtract(keys(var.operators), ["backup", "cleanup", "drill", "monitor", "restore", "verify"])) == 0
    error_message = "operators takes the keys backup, cleanup, drill, monitor, restore and verify."
  }
  validation {
    condition     = alltrue([for member in flatten([for members in values(var.operators) : tolist(members)]) : can(regex("^(group|user|serviceAccount):[^@\\s]+@[^@\\s]+$", member))])
    error_message = "operators must be written group:NAME@DOMAIN, user:NAME@DOMAIN or serviceAccount:EMAIL; allUsers and allAuthenticatedUsers are never allowed."
  }
}

variable "scheduler_region" {
  description = "Where Cloud Scheduler runs, for a `region` that has none. Default: `region`."
  type        = string
  default     = null
}

variable "schedules" {
  description = "When each job starts, as five cron fields in UTC, or `off`. The one source for Cloud Scheduler, BACKUP_SCHEDULES and the alerts on age. The monitor belongs in every hour: its silence is an alert after three. The drill starts weekly and decides by the date whether it is due. `restore_check` is the restore job's own look at its target, which writes nothing."
  type = object({
    cleanup       = optional(string, "0 4 * * *")
    daily         = optional(string, "0 0 * * *")
    drill         = optional(string, "0 3 * * 0")
    monitor       = optional(string, "10 * * * *")
    restore_check = optional(string, "0 5 1 * *")
    verify        = optional(string, "20 */6 * * *")
    weekly        = optional(string, "0 0 * * 0")
  })
  default  = {}
  nullable = false

  validation {
    condition     = alltrue([for cron in values(var.schedules) : cron == "off" || can(regex("^[0-9*/,-]+( [0-9A-Z*/,-]+){4}$", cron))])
    error_message = "schedules must be five cron fields such as \"0 0 * * *\", or \"off\"."
  }
  validation {
    condition     = alltrue([for cron in values(var.schedules) : cron == "off" || !can(regex("^[^ ]+ [^ ]+ [^* ]+ [^ ]+ [^* ]+$", cron))])
    error_message = "schedules: cron takes a day of the month and a day of the week as OR, so \"0 3 1-7 * 0\" runs on ten days a month. Restrict one of the two."
  }
  validation {
    condition     = var.schedules.daily != "off" || var.schedules.weekly != "off"
    error_message = "schedules: daily and weekly are both off: points of continuous backups go after a week, and nothing older would be kept."
  }
  validation {
    condition     = var.schedules.monitor != "off"
    error_message = "schedules.monitor cannot be off: without it nobody learns of what is missing."
  }
}

variable "secret_versions" {
  description = "Which version of the connection strings the jobs read. `source` and `monitor` follow the latest, so a rotated key works at once; `target` is pinned, so that where a restore writes to changes by a plan only."
  type = object({
    monitor = optional(string, "latest")
    source  = optional(string, "latest")
    target  = optional(string, "1")
  })
  default  = {}
  nullable = false

  validation {
    condition     = alltrue([for version in values(var.secret_versions) : can(regex("^(latest|[1-9][0-9]*)$", version))])
    error_message = "secret_versions must be a version's number, or \"latest\"."
  }
}

variable "skip_unchanged" {
  description = "Whether a scheduled backup is left out when SQLite Cloud says that nothing was written since the last one. What a person or a pipeline asks for is always taken."
  type        = bool
  default     = false
  nullable    = false
}

variable "verify_on_arrival" {
  description = "Verifies each backup minutes after it was written, by a service that storage events start. Backups larger than `memory_gib` allows are left to the scheduled verification. `null`: none."
  type = object({
    max_instances = optional(number, 3)
    memory_gib    = optional(number, 4)
  })
  default = null

  validation {
    condition     = var.verify_on_arrival == null ? true : var.verify_on_arrival.memory_gib >= 2 && var.verify_on_arrival.memory_gib <= 8
    error_message = "verify_on_arrival.memory_gib must be 2 to 8: all of it but one GiB holds the restored backup."
  }
  validation {
    condition     = var.verify_on_arrival == null || var.images == null ? true : var.images.verify_on_arrival != null
    error_message = "verify_on_arrival needs its image: add images.verify_on_arrival, or set verify_on_arrival = null."
  }
}

variable "watch_native_backups" {
  description = "Whether the monitor looks at SQLite Cloud's own backups too. It then reads the secret NAME_PREFIX-monitor-url, a connection string of its own: give it a login that holds the privilege BACKUP and nothing else, so that it can list them and read no row."
  type        = bool
  default     = false
  nullable    = false
}
