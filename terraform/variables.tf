variable "alerts" {
  description = "Alert thresholds: `cleanup_percent` is the share of one database's backups that one cleanup may delete; `slow_percent` is the share of its timeout that a backup may take; `stale_after` is the maximum age of the newest backup of a scheduled kind (match it to `schedules`). Each alert links to `runbook_url`."
  type = object({
    cleanup_percent = optional(number, 25)
    runbook_url     = optional(string)
    slow_percent    = optional(number, 80)
    stale_after = optional(object({
      continuous = optional(string, "10m")
      daily      = optional(string, "25h")
      weekly     = optional(string, "192h")
    }), {})
  })
  default  = {}
  nullable = false

  validation {
    condition     = alltrue([for percent in [var.alerts.cleanup_percent, var.alerts.slow_percent] : percent > 0 && percent <= 100])
    error_message = "alerts.cleanup_percent and alerts.slow_percent are percentages: give a number above 0 and up to 100."
  }
  validation {
    condition     = alltrue([for span in values(var.alerts.stale_after) : can(regex("^([1-9][0-9]{0,2}m|[1-9][0-9]?h|1[0-8][0-9]h|19[0-2]h)$", span))])
    error_message = "alerts.stale_after must be minutes or hours such as 10m or 25h, and at most 192h, because Cloud Monitoring does not look further back."
  }
  validation {
    condition     = var.alerts.runbook_url == null || can(regex("^https://[^\\s]+$", var.alerts.runbook_url))
    error_message = "alerts.runbook_url must begin with https://, or be left out."
  }
}

variable "audit" {
  description = "Audit logs: `data_access` turns on data-access audit logs for storage, keys, secrets and started jobs in the whole project. `retention_days` is how long these and the jobs' logs are kept. WARNING: `locked` cannot be undone, not even by deleting the project's other resources."
  type = object({
    data_access    = optional(bool, true)
    locked         = optional(bool, false)
    retention_days = optional(number, 400)
  })
  default  = {}
  nullable = false

  validation {
    condition     = var.audit.retention_days >= 30 && var.audit.retention_days <= 3650 && floor(var.audit.retention_days) == var.audit.retention_days
    error_message = "audit.retention_days must be whole days from 30 to 3650."
  }
}

variable "bucket" {
  description = "The bucket for backups. `location` is a region or multi-region (default: `region`). With two `dual_region` regions, `location` is their multi-region (US, EU or ASIA), and `turbo` replicates within minutes at an extra price. A changed location creates a new bucket: do not change it once the bucket has backups."
  type = object({
    backstop_days    = optional(number, 365)
    dual_region      = optional(set(string), [])
    location         = optional(string)
    name             = optional(string)
    soft_delete_days = optional(number, 14)
    turbo            = optional(bool, true)
  })
  default  = {}
  nullable = false

  validation {
    condition     = var.bucket.backstop_days >= 90
    error_message = "bucket.backstop_days must be 90 or more: it is added to each kind's retention, because a lifecycle rule does not know the last good backup."
  }
  validation {
    condition     = length(var.bucket.dual_region) == 0 || (length(var.bucket.dual_region) == 2 && contains(["US", "EU", "ASIA"], upper(coalesce(var.bucket.location, "none"))))
    error_message = "bucket.dual_region needs exactly two regions, and bucket.location = their multi-region \"US\", \"EU\" or \"ASIA\"."
  }
  validation {
    condition     = can(regex("^([A-Z]+-[A-Z]+[0-9]+|US|EU|ASIA|NAM4|EUR4|ASIA1)$", upper(coalesce(var.bucket.location, "EU"))))
    error_message = "bucket.location must be a region, one of US, EU and ASIA, or one of the dual regions NAM4, EUR4 and ASIA1: the bucket's key must be in the bucket's location, and these are supported."
  }
  validation {
    condition     = var.bucket.name == null || can(regex("^[a-z0-9][a-z0-9_-]{1,61}[a-z0-9]$", var.bucket.name))
    error_message = "bucket.name must have 3 to 63 characters of a-z 0-9 _ - and begin and end with a letter or digit."
  }
  validation {
    condition     = var.bucket.soft_delete_days >= 7 && var.bucket.soft_delete_days <= 90
    error_message = "bucket.soft_delete_days must be 7 to 90: for this long a deleted backup can be restored."
  }
}

variable "copy_store" {
  description = "A second bucket that also gets every backup. Choose a region that does not fail together with the first. `null`: none."
  type = object({
    location = string
    name     = optional(string)
  })
  default = null

  validation {
    condition     = var.copy_store == null ? true : lower(var.copy_store.location) != lower(coalesce(var.bucket.location, var.region))
    error_message = "copy_store.location is the first bucket's location: name another region, or the copy is lost with the original."
  }
  validation {
    condition     = var.copy_store == null ? true : var.copy_store.name == null || can(regex("^[a-z0-9][a-z0-9_-]{1,61}[a-z0-9]$", var.copy_store.name))
    error_message = "copy_store.name must have 3 to 63 characters of a-z 0-9 _ - and begin and end with a letter or digit."
  }
}

variable "environment" {
  description = "`production`, `staging`, `development` or `test`. Sets the default retention; in `production` a restore over live data needs an approval."
  type        = string
  default     = "production"
  nullable    = false

  validation {
    condition     = contains(["production", "staging", "development", "test"], var.environment)
    error_message = "environment must be production, staging, development or test."
  }
}

variable "key" {
  description = "The key that wraps each backup's data key. It must work when a region is down, so `location` is `global`, or `europe` or `us` if data may not leave a jurisdiction. `protection_level` is SOFTWARE or HSM. `ring` and `name` name an existing key, imported by a block of examples/imports.tf. None of these can be changed later."
  type = object({
    location         = optional(string, "global")
    name             = optional(string, "wrapping")
    protection_level = optional(string, "SOFTWARE")
    ring             = optional(string)
  })
  default  = {}
  nullable = false

  validation {
    condition     = contains(["SOFTWARE", "HSM"], var.key.protection_level)
    error_message = "key.protection_level must be SOFTWARE or HSM."
  }
  validation {
    condition     = alltrue([for name in compact([var.key.ring, var.key.name]) : can(regex("^[A-Za-z0-9_-]{1,63}$", name))])
    error_message = "key.ring and key.name must have 1 to 63 characters of A-Z a-z 0-9 _ -."
  }
}

variable "labels" {
  description = "Labels for all resources that accept labels; `app` and `environment` are always set."
  type        = map(string)
  default     = {}
  nullable    = false
}

variable "name_prefix" {
  description = "The prefix of every resource name. Use another prefix for a second installation in the same project."
  type        = string
  default     = "litekeep"
  nullable    = false

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,15}[a-z0-9]$", var.name_prefix))
    error_message = "name_prefix must have 3 to 17 characters of a-z 0-9 -, begin with a letter and end with a letter or digit."
  }
}

variable "notifications" {
  description = "Where alerts go: e-mail addresses, webhook URLs by name (a token in a URL is stored in the state: keep the state private), and Pub/Sub topics as projects/P/topics/T. Give at least one."
  type = object({
    emails        = optional(set(string), [])
    pubsub_topics = optional(set(string), [])
    webhooks      = optional(map(string), {})
  })
  nullable = false

  validation {
    condition     = length(var.notifications.emails) + length(var.notifications.pubsub_topics) + length(var.notifications.webhooks) > 0
    error_message = "notifications is empty, so no alert would reach anybody: give at least one of emails, webhooks or pubsub_topics."
  }
  validation {
    condition     = alltrue([for email in var.notifications.emails : can(regex("^[^@\\s]+@[^@\\s]+\\.[^@\\s]+$", email))])
    error_message = "notifications.emails must be e-mail addresses such as oncall@acme.example."
  }
  validation {
    condition     = alltrue([for topic in var.notifications.pubsub_topics : can(regex("^projects/[^/\\s]+/topics/[^/\\s]+$", topic))])
    error_message = "notifications.pubsub_topics must be written projects/PROJECT/topics/TOPIC."
  }
  validation {
    condition     = alltrue([for url in values(var.notifications.webhooks) : startswith(url, "https://")])
    error_message = "notifications.webhooks must be https:// URLs."
  }
}

variable "project_id" {
  description = "The project for all resources. Use one for backups only, because its owners own the backups."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{4,28}[a-z0-9]$", var.project_id))
    error_message = "project_id must be the project's id (6 to 30 characters of a-z 0-9 -), not its number or name."
  }
}

variable "region" {
  description = "The region of the jobs, and of the bucket unless `bucket.location` is set. Choose one near the database."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-z]+-[a-z]+[0-9]+$", var.region))
    error_message = "region must be a Google Cloud region such as europe-west1."
  }
}

variable "retention_days" {
  description = "Days to keep each kind of backup. Defaults: continuous 7, daily 30 (7 outside production), weekly 90 (7), pre_deployment 30, on_demand 30, milestone 365."
  type = object({
    continuous     = optional(number)
    daily          = optional(number)
    milestone      = optional(number)
    on_demand      = optional(number)
    pre_deployment = optional(number)
    weekly         = optional(number)
  })
  default  = {}
  nullable = false

  validation {
    condition     = alltrue([for days in values(var.retention_days) : days == null ? true : days >= 1 && days <= 36500 && floor(days) == days])
    error_message = "retention_days must be whole days from 1 to 36500."
  }
}

variable "retention_lock" {
  description = "Prevents everybody from deleting or replacing objects younger than `days`. WARNING: with `locked`, nobody can ever shorten or remove the lock, and the bucket stays (and is paid for) until its last object is old enough. Try it unlocked first. `null`: none."
  type = object({
    days   = number
    locked = optional(bool, false)
  })
  default = null

  validation {
    condition     = var.retention_lock == null ? true : var.retention_lock.days >= 1 && floor(var.retention_lock.days) == var.retention_lock.days
    error_message = "retention_lock.days must be whole days, 1 or more."
  }
}
