# Verification on arrival: Cloud Storage sends an event for each new object through Eventarc to the service, which
# verifies the backup if the object is a manifest. Duplicate, late and other events do no harm.

locals {
  arrival = var.verify_on_arrival == null || var.images == null ? {} : { on = var.verify_on_arrival }

  # A trigger must be in the bucket's location; Eventarc uses the same names for multi-regions.
  arrival_location = lower(local.stores.primary.location)
}

resource "google_service_account" "arrival" {
  for_each = local.arrival

  project      = var.project_id
  account_id   = "${var.name_prefix}-arrival"
  display_name = "${local.title_prefix} arrival"
  description  = "Delivers storage events to the verification service, and has no other right."

  depends_on = [google_project_service.this]
}

resource "google_cloud_run_v2_service" "arrival" {
  for_each = local.arrival

  project             = var.project_id
  name                = "${var.name_prefix}-verify-on-arrival"
  location            = var.region
  labels              = local.labels
  ingress             = "INGRESS_TRAFFIC_INTERNAL_ONLY"
  deletion_protection = var.deletion_protection

  template {
    service_account                  = google_service_account.job["verify"].email
    timeout                          = "540s" # Eventarc delivers an event again if there is no reply within 10 minutes
    max_instance_request_concurrency = 1
    execution_environment            = "EXECUTION_ENVIRONMENT_GEN2"

    scaling {
      min_instance_count = 0
      max_instance_count = each.value.max_instances
    }

    containers {
      image = var.images.verify_on_arrival

      resources {
        limits   = { cpu = "2", memory = "${each.value.memory_gib}Gi" }
        cpu_idle = true
      }

      dynamic "env" {
        for_each = merge(local.env.verify, { SQLITE_TMPDIR = local.scratch_path, TMPDIR = local.scratch_path })
        content {
          name  = env.key
          value = env.value
        }
      }

      dynamic "volume_mounts" {
        for_each = local.policy
        content {
          name       = "policy"
          mount_path = local.policy_path
        }
      }

      volume_mounts {
        name       = "scratch"
        mount_path = local.scratch_path
      }
    }

    dynamic "volumes" {
      for_each = local.policy
      content {
        name = "policy"
        secret {
          secret = google_secret_manager_secret.policy["on"].secret_id
          items {
            path    = local.policy_file
            version = volumes.value
          }
        }
      }
    }

    volumes {
      name = "scratch"
      empty_dir {
        medium     = "MEMORY" # a full volume fails a write with an error; without it the instance would be killed
        size_limit = "${each.value.memory_gib - 1}Gi"
      }
    }
  }

  depends_on = [
    google_kms_crypto_key_iam_member.signing,
    google_kms_crypto_key_iam_member.wrapping,
    google_secret_manager_secret_iam_member.policy,
    google_storage_bucket_iam_member.job,
  ]
}

resource "google_cloud_run_v2_service_iam_member" "arrival" {
  for_each = local.arrival

  project  = var.project_id
  name     = google_cloud_run_v2_service.arrival[each.key].name
  location = var.region
  role     = "roles/run.invoker"
  member   = google_service_account.arrival[each.key].member
}

resource "google_project_iam_member" "arrival_receives" {
  for_each = local.arrival

  project = var.project_id
  role    = "roles/eventarc.eventReceiver"
  member  = google_service_account.arrival[each.key].member
}

resource "google_project_iam_member" "storage_publishes" {
  for_each = local.arrival

  project = var.project_id
  role    = "roles/pubsub.publisher"
  member  = data.google_storage_project_service_account.this.member
}

resource "google_eventarc_trigger" "arrival" {
  for_each = local.arrival

  project         = var.project_id
  name            = "${var.name_prefix}-arrival"
  location        = local.arrival_location
  labels          = local.labels
  service_account = google_service_account.arrival[each.key].email

  matching_criteria {
    attribute = "type"
    value     = "google.cloud.storage.object.v1.finalized"
  }
  matching_criteria {
    attribute = "bucket"
    value     = google_storage_bucket.store["primary"].name
  }

  destination {
    cloud_run_service {
      service = google_cloud_run_v2_service.arrival[each.key].name
      region  = var.region
    }
  }

  lifecycle {
    precondition {
      condition     = can(regex("^([a-z]+-[a-z]+[0-9]+|us|eu)$", local.arrival_location))
      error_message = "verify_on_arrival: its trigger must be in the bucket's location, and Eventarc is supported in regions, US and EU only: set verify_on_arrival = null (the scheduled verification covers all backups), or set bucket.location to one of these before there are backups."
    }
  }

  depends_on = [
    google_cloud_run_v2_service_iam_member.arrival,
    google_project_iam_member.arrival_receives,
    google_project_iam_member.storage_publishes,
    terraform_data.arrival_grants_count,
  ]
}
