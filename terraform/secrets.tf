# Connection strings. Their values never pass through here, so they are in no plan and no state:
# the output next_steps says how they are set.

locals {
  secrets = {
    source = {
      description = "DATABASE_URL to read from: best with an API key that can do nothing else."
      readers     = ["backup", "monitor"]
    }
    target = {
      description = "DATABASE_URL to restore to, with the right to create databases."
      readers     = ["restore"]
    }
  }
  secret_readers = merge([
    for secret, about in local.secrets : {
      for identity in about.readers : "${secret}/${identity}" => { secret = secret, identity = identity }
    }
  ]...)
}

resource "google_secret_manager_secret" "database_url" {
  for_each = local.secrets

  secret_id           = "${var.name_prefix}-${each.key}-url"
  annotations         = { description = each.value.description }
  labels              = local.labels
  version_destroy_ttl = "604800s" # a destroyed version can be enabled again for a week

  replication {
    auto {}
  }

  depends_on = [google_project_service.this]
}

resource "google_secret_manager_secret_iam_member" "reader" {
  for_each = local.secret_readers

  secret_id = google_secret_manager_secret.database_url[each.value.secret].id
  role      = "roles/secretmanager.secretAccessor"
  member    = google_service_account.job[each.value.identity].member
}
