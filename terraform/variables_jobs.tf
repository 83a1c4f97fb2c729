variable "backup_formats" {
  description = "The formats of each backup: `sql` (a dump for the stock sqlite3), `sqlite` (a page image), or both."
  type        = set(string)
  default     = ["sql", "sqlite"]
  nullable    = false

  validation {
    condition     = length(var.backup_formats) > 0 && length(setsubtract(var.backup_formats, ["sql", "sqlite"])) == 0
    error_message = "backup_formats must hold \"sql\", \"sqlite\" or both."
  }
}

variable "continuous_every_minutes" {
  description = "The interval of continuous backups in minutes, or null for none. 3 keeps the recovery point below 5 minutes. A cycle reads the page index of an earlier point, so the backup job's service account then also gets the right to decrypt, and the newest point is verified every hour (docs/continuous.md)."
  type        = number
  default     = null

  validation {
    condition     = var.continuous_every_minutes == null || contains([1, 2, 3, 4, 5, 6, 10, 12, 15, 20, 30], coalesce(var.continuous_every_minutes, 1))
    error_message = "continuous_every_minutes must be null, or one of 1, 2, 3, 4, 5, 6, 10, 12, 15, 20, 30, which divide an hour."
  }
}

variable "databases" {
  description = "The names of the SQLite Cloud project's databases to back up, or `[\"*\"]` for all. Empty: the one in the connection string."
  type        = set(string)
  default     = []
  nullable    = false

  validation {
    condition     = alltrue([for name in var.databases : length(name) > 0 && !can(regex("[,\"\\\\\\s]", name))])
    error_message = "A name in databases is empty, or has a comma, a quote, a backslash or a space: use [\"*\"] to back up such a database."
  }
  validation {
    condition     = !contains(var.databases, "*") || length(var.databases) == 1
    error_message = "\"*\" in databases means all databases: remove the other names."
  }
}

variable "deletion_protection" {
  description = "Whether Cloud Run jobs and services are protected from being destroyed or replaced. To remove them, apply `false` first. Buckets and keys are always protected."
  type        = bool
  default     = true
  nullable    = false
}

variable "drill_checks" {
  description = "The application's own checks for the drill: the text of the BACKUP_DRILL_SQL file, for example `TF_VAR_drill_checks=\"$(cat checks.sql)\"`. It is stored in Secret Manager, which allows 64 KiB. `null`: none."
  type        = string
  default     = null

  validation {
    condition     = var.drill_checks == null ? true : can(regex("(?mi)^--[ \t]*name:", var.drill_checks)) && length(var.drill_checks) <= 16384
    error_message = "drill_checks must be the text of a file of checks, not its name: each check begins with a line `-- name: …`, and the text has at most 16384 characters."
  }
}

variable "images" {
  description = "The jobs' container images by digest, as `make push` writes them into `images.auto.tfvars.json`. `null` creates everything except jobs, schedules and alerts: the first step in an empty project, which creates the registry for the images."
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
    error_message = "images is missing, and without it every job, schedule and alert would be deleted. `make push` writes images.auto.tfvars.json: commit it, or git pull if somebody else pushed. For a first apply, before there are images: make deploy, or -var=without_jobs=true."
  }
  validation {
    condition     = var.images == null ? true : alltrue([for image in values(var.images) : image == null ? true : can(regex("^[a-z0-9.-]+(:[0-9]+)?/[^@\\s]+@sha256:[0-9a-f]{64}$", image))])
    error_message = "Each of images must be HOST/PATH@sha256:DIGEST, because a tag can be moved: use the file that make push writes."
  }
}

variable "job_sizes" {
  description = "Resources of each job. `cpu` is 1, 2, 4, 6 or 8. `scratch_gib` must be 2.5 times the largest database: up to 2 GiB are in memory (and count against `memory_gib`), larger scratch space is on a disk of at least 10 GiB. The databases are distributed over `tasks`. `continuous` is for the cycles of continuous backups, with the scratch space, tasks and timeout of `backup` as defaults."
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
    error_message = "job_sizes: scratch_gib must be 0 to 2 (memory), or 10 or more (disk)."
  }
  validation {
    condition     = alltrue([for size in values(var.job_sizes) : size.timeout_minutes == null ? true : size.timeout_minutes >= 1 && size.timeout_minutes <= 1440])
    error_message = "job_sizes: timeout_minutes must be 1 to 1440."
  }
  validation {
    condition     = alltrue([for size in values(var.job_sizes) : size.tasks == null ? true : size.tasks >= 1 && size.tasks <= 10000])
    error_message = "job_sizes: tasks must be 1 to 10000; more tasks than databases have no effect."
  }
  validation {
    condition     = alltrue([for name, size in var.job_sizes : !contains(["cleanup", "restore"], name) || coalesce(size.max_retries, 0) == 0])
    error_message = "job_sizes: a person must look at a failed cleanup or restore before it runs again: leave max_retries out."
  }
}

variable "network" {
  description = "The VPC through which jobs reach the database, for a fixed address or a private node. For a Shared VPC of another project, give both names in full; `grant` gives Cloud Run's service account access to that subnet, set it to false if its owner does (docs/deploy.md). `null`: the internet, over TLS."
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
  description = "Who may start each job by hand with arguments, by job, as `group:…`, `user:…` or `serviceAccount:…`. WARNING: operators of the restore job may also change its environment and so avoid what production refuses: keep that list short."
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
  description = "The region of Cloud Scheduler, if `region` does not offer it. Default: `region`."
  type        = string
  default     = null
}

variable "schedules" {
  description = "When each job starts, as five cron fields in UTC, or `off`. Cloud Scheduler, BACKUP_SCHEDULES and the alerts on age all use these. Run the monitor every hour: an alert fires after three hours without it. The drill starts weekly and decides by the date whether it is due. `restore_check` is the restore job's check of its target, which writes nothing."
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
    error_message = "schedules: daily and weekly are both off. Points of continuous backups are deleted after a week, so nothing older would be kept: schedule one of the two."
  }
  validation {
    condition     = var.schedules.monitor != "off"
    error_message = "schedules.monitor cannot be off: without the monitor, missing backups raise no alert."
  }
}

variable "secret_versions" {
  description = "The version of each connection string that the jobs read. `source` and `monitor` use the latest, so that a rotated key works at once; `target` is pinned, so that only a plan can change where a restore writes."
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
  description = "Whether a scheduled backup is skipped if SQLite Cloud reports no writes since the last one. Backups that a person or a pipeline asks for are always taken."
  type        = bool
  default     = false
  nullable    = false
}

variable "verify_on_arrival" {
  description = "Verifies each backup within minutes after it was written, in a service that storage events start. Backups larger than `memory_gib` allows are verified on schedule. `null`: none."
  type = object({
    max_instances = optional(number, 3)
    memory_gib    = optional(number, 4)
  })
  default = null

  validation {
    condition     = var.verify_on_arrival == null ? true : var.verify_on_arrival.memory_gib >= 2 && var.verify_on_arrival.memory_gib <= 8
    error_message = "verify_on_arrival.memory_gib must be 2 to 8: the restored backup is in memory and can use all of it except one GiB."
  }
  validation {
    condition     = var.verify_on_arrival == null || var.images == null ? true : var.images.verify_on_arrival != null
    error_message = "verify_on_arrival needs its image: add images.verify_on_arrival, or set verify_on_arrival = null."
  }
}

variable "watch_native_backups" {
  description = "Whether the monitor also checks SQLite Cloud's own backups. It then reads a separate connection string from the secret NAME_PREFIX-monitor-url: give it a login with only the privilege BACKUP, so that it can list backups but read no row."
  type        = bool
  default     = false
  nullable    = false
}
