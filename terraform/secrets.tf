# Secrets for the connection strings. Terraform does not set their values, so they are in no plan and no state. The output
# next_steps says how to set them.

locals {
  secrets = merge({
    source = {
      description = "DATABASE_URL for backups: use an API key that can only read."
      readers     = ["backup"]
    }
    target = {
      description = "DATABASE_URL for restores, with the right to create databases."
      readers     = ["restore"]
    }
    }, var.watch_native_backups ? {
    monitor = {
      description = "DATABASE_URL for listing SQLite Cloud's own backups: a login with only the privilege BACKUP."
      readers     = ["monitor"]
    }
  } : {})
  secret_readers = merge([
    for secret, about in local.secrets : {
      for identity in about.readers : "${secret}/${identity}" => { secret = secret, identity = identity }
    }
  ]...)
}

resource "google_secret_manager_secret" "database_url" {
  for_each = local.secrets

  project             = var.project_id
  secret_id           = "${var.name_prefix}-${each.key}-url"
  annotations         = { description = each.value.description }
  labels              = local.labels
  version_destroy_ttl = "604800s" # a destroyed version can be enabled again for a week

  replication {
    dynamic "auto" {
      for_each = length(var.secret_locations) == 0 ? ["anywhere"] : []
      content {}
    }
    dynamic "user_managed" {
      for_each = length(var.secret_locations) == 0 ? [] : [var.secret_locations]
      content {
        dynamic "replicas" {
          for_each = user_managed.value
          content {
            location = replicas.value
          }
        }
      }
    }
  }

  depends_on = [google_project_service.this]
}

resource "google_secret_manager_secret_iam_member" "reader" {
  for_each = local.secret_readers

  project   = var.project_id
  secret_id = google_secret_manager_secret.database_url[each.value.secret].id
  role      = "roles/secretmanager.secretAccessor"
  member    = google_service_account.job[each.value.identity].member
}

# The application's checks are not confidential; Secret Manager lets Cloud Run mount a file without a bucket.
resource "google_secret_manager_secret" "drill_checks" {
  for_each = toset(var.drill_checks == null ? [] : ["on"])

  project     = var.project_id
  secret_id   = "${var.name_prefix}-drill-checks"
  annotations = { description = "The application's own checks, which the drill runs on a restored database." }
  labels      = local.labels

  replication {
    dynamic "auto" {
      for_each = length(var.secret_locations) == 0 ? ["anywhere"] : []
      content {}
    }
    dynamic "user_managed" {
      for_each = length(var.secret_locations) == 0 ? [] : [var.secret_locations]
      content {
        dynamic "replicas" {
          for_each = user_managed.value
          content {
            location = replicas.value
          }
        }
      }
    }
  }

  depends_on = [google_project_service.this]
}

resource "google_secret_manager_secret_version" "drill_checks" {
  for_each = google_secret_manager_secret.drill_checks

  secret      = each.value.id
  secret_data = var.drill_checks

  lifecycle {
    create_before_destroy = true # the drill job names a version, so one must always exist
  }
}

resource "google_secret_manager_secret_iam_member" "drill_checks" {
  for_each = google_secret_manager_secret.drill_checks

  project   = var.project_id
  secret_id = each.value.id
  role      = "roles/secretmanager.secretAccessor"
  member    = google_service_account.job["verify"].member
}
