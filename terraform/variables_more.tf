variable "budget" {
  description = "A monthly budget for this installation (by its labels), in whole units of the billing account's currency. The first five of `notifications.emails` are notified. Needs the right to create budgets on the billing account. `null`: none."
  type = object({
    amount          = number
    billing_account = string
    currency        = optional(string)
  })
  default = null

  validation {
    condition     = var.budget == null ? true : can(regex("^[0-9A-F]{6}-[0-9A-F]{6}-[0-9A-F]{6}$", var.budget.billing_account)) && var.budget.amount >= 1 && floor(var.budget.amount) == var.budget.amount
    error_message = "budget needs billing_account = \"000000-000000-000000\" and a whole amount of 1 or more."
  }
  validation {
    condition     = var.budget == null ? true : length(var.notifications.emails) > 0
    error_message = "budget notifies by e-mail: give notifications.emails."
  }
}

variable "cloud_build" {
  description = "`{}` creates a service account and a bucket for `make push BUILD=cloud`, if you have no Docker. Builds run in `region`; some regions refuse new projects, `global` does not. `null`: none."
  type = object({
    region = optional(string, "global")
  })
  default = null
}

variable "console" {
  description = "The console behind Identity-Aware Proxy: `viewers` are the members with access (`group:…`, `user:…`), `policy_secret` is the secret with the policy file, `database` is the address of the live database, without a login. `null`: none."
  type = object({
    database      = optional(string)
    policy_secret = string
    viewers       = set(string)
  })
  default = null

  validation {
    condition     = var.console == null ? true : length(var.console.viewers) > 0 && alltrue([for member in var.console.viewers : can(regex("^(user|group|domain):[^\\s]+$", member))])
    error_message = "console.viewers needs user:…, group:… or domain:…; allUsers is never allowed."
  }
  validation {
    condition     = try(var.console.database, null) == null ? true : can(regex("^sqlitecloud://[a-z0-9.-]+(:[0-9]+)?/[^?@\\s]+$", var.console.database))
    error_message = "console.database must be sqlitecloud://HOST:8860/NAME, without a login: the console does not read the database."
  }
  validation {
    condition     = var.console == null || var.images == null ? true : var.images.console != null
    error_message = "console needs its image: add images.console, or set console = null."
  }
}

variable "disk_quota" {
  description = "The project's quota for Cloud Run disks in `region`, as the Google Cloud console's quota page shows it: GiB per instance, total GiB and volumes. The defaults are those of a new project; request more there, then set it here."
  type = object({
    instance_gib = optional(number, 10)
    region_gib   = optional(number, 100)
    volumes      = optional(number, 10)
  })
  default  = {}
  nullable = false

  validation {
    condition     = local.disk_gib <= var.disk_quota.region_gib && local.disk_volumes <= var.disk_quota.volumes
    error_message = "The jobs may use ${local.disk_volumes} volumes and ${local.disk_gib} GiB of disk at once (each job's scratch_gib times its tasks), but disk_quota allows ${var.disk_quota.volumes} and ${var.disk_quota.region_gib}. Lower job_sizes, or request more on the console's quota page (Cloud Run Admin API, ephemeral disk) and set disk_quota to the granted values."
  }
}

variable "registry" {
  description = "The name of the image registry. Default: `name_prefix`. Import an existing registry with a block of examples/imports.tf."
  type        = string
  default     = null

  validation {
    condition     = var.registry == null ? true : can(regex("^[a-z]([a-z0-9-]{0,61}[a-z0-9])?$", var.registry))
    error_message = "registry must be a repository's name: 1 to 63 characters of a-z 0-9 - that begin with a letter."
  }
}

variable "secret_locations" {
  description = "The regions of the secrets, for organizations whose policy gcp.resourceLocations does not allow Google's own choice. Use two or more to survive the loss of one. A later change creates new secrets without their values. Empty: Google's choice."
  type        = set(string)
  default     = []
  nullable    = false

  validation {
    condition     = alltrue([for location in var.secret_locations : can(regex("^[a-z]+-[a-z]+[0-9]+$", location))])
    error_message = "secret_locations must be regions such as europe-west1."
  }
}

variable "without_jobs" {
  description = "Whether `images` may be missing, for the first apply, which creates the registry for the images. `make deploy` sets it if there are no jobs yet."
  type        = bool
  default     = false
  nullable    = false
}
