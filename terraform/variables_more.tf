variable "budget" {
  description = "A monthly budget of this installation (by its labels), in whole units of the billing account's currency, told to the first five of `notifications.emails`. Needs the right to make budgets on the billing account. `null`: none."
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
    error_message = "budget is told by e-mail: give notifications.emails."
  }
}

variable "cloud_build" {
  description = "An account and a bucket for `make push BUILD=cloud`, for whoever has no Docker: `{}`. `region` is where builds run; some regions refuse new projects, `global` does not. `null`: none."
  type = object({
    region = optional(string, "global")
  })
  default = null
}

variable "console" {
  description = "The console, behind Identity-Aware Proxy: `viewers` are the members that are let in (`group:…`, `user:…`), `policy_secret` is the secret that holds the policy file, `database` the address of the live database, without a login. `null`: none."
  type = object({
    database      = optional(string)
    policy_secret = string
    viewers       = set(string)
  })
  default = null

  validation {
    condition     = var.console == null ? true : length(var.console.viewers) > 0 && alltrue([for member in var.console.viewers : can(regex("^(user|group|domain):[^\\s]+$", member))])
    error_message = "console.viewers needs user:…, group:… or domain:…: allUsers is never let in."
  }
  validation {
    condition     = try(var.console.database, null) == null ? true : can(regex("^sqlitecloud://[a-z0-9.-]+(:[0-9]+)?/[^?@\\s]+$", var.console.database))
    error_message = "console.database must be sqlitecloud://HOST:8860/NAME, without a login: the console reads no database."
  }
  validation {
    condition     = var.console == null || var.images == null ? true : var.images.console != null
    error_message = "console needs its image: add images.console, or set console = null."
  }
}

variable "disk_quota" {
  description = "What the project may use of Cloud Run's disks in `region`, as the console's quota page shows it: GiB an instance, GiB and volumes in all. The defaults are those of a new project; ask for more there, then set it here."
  type = object({
    instance_gib = optional(number, 10)
    region_gib   = optional(number, 100)
    volumes      = optional(number, 10)
  })
  default  = {}
  nullable = false

  validation {
    condition     = local.disk_gib <= var.disk_quota.region_gib && local.disk_volumes <= var.disk_quota.volumes
    error_message = "The jobs' disks may come to ${local.disk_volumes} volumes and ${local.disk_gib} GiB at once (each job's scratch_gib times its tasks), and disk_quota has ${var.disk_quota.volumes} and ${var.disk_quota.region_gib}. Lower job_sizes, or ask for more on the console's quota page (Cloud Run Admin API, ephemeral disk) and set disk_quota to what was granted."
  }
}

variable "registry" {
  description = "The name of the image registry, where it is not `name_prefix`: one that is there already is taken over by an import block (examples/imports.tf)."
  type        = string
  default     = null

  validation {
    condition     = var.registry == null ? true : can(regex("^[a-z]([a-z0-9-]{0,61}[a-z0-9])?$", var.registry))
    error_message = "registry must be a repository's name: 1 to 63 of a-z 0-9 - that begin with a letter."
  }
}

variable "secret_locations" {
  description = "The regions that secrets are kept in, for organizations whose policy gcp.resourceLocations refuses Google's own choice. Two or more survive the loss of one. Changing it later makes new secrets, without their values. Empty: Google's choice."
  type        = set(string)
  default     = []
  nullable    = false

  validation {
    condition     = alltrue([for location in var.secret_locations : can(regex("^[a-z]+-[a-z]+[0-9]+$", location))])
    error_message = "secret_locations must be regions such as europe-west1."
  }
}

variable "without_jobs" {
  description = "Whether `images` may be missing: for the first apply, which makes the registry that images are pushed to. `make deploy` sets it when there are no jobs yet."
  type        = bool
  default     = false
  nullable    = false
}
