# One service account for each job, without keys. Only the monitor's has a role on the project: it may write log entries.

locals {
  identities = {
    backup  = "Takes backups: creates objects, encrypts; cannot overwrite, delete or decrypt."
    cleanup = "Applies retention: deletes objects; cannot create backups or decrypt."
    monitor = "Watches: lists objects, tries the store and the key; cannot delete or decrypt."
    restore = "Restores: reads objects, decrypts, saves what was there before; cannot delete."
    verify  = "Verifies and holds drills: reads objects, decrypts, stores verdicts; cannot delete or reach a live database."
  }
}

resource "google_service_account" "job" {
  for_each = local.identities

  project      = var.project_id
  account_id   = "${var.name_prefix}-${each.key}"
  display_name = "${local.title_prefix} ${each.key}"
  description  = each.value

  depends_on = [google_project_service.this]
}

resource "google_service_account" "scheduler" {
  project      = var.project_id
  account_id   = "${var.name_prefix}-scheduler"
  display_name = "${local.title_prefix} scheduler"
  description  = "Starts the scheduled jobs without arguments."

  depends_on = [google_project_service.this]
}
