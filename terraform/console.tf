# The console, a service behind Identity-Aware Proxy. Its service account can list the store, read JSON objects such as
# manifests, create requests and decisions in `requests/`, sign with its own key, and start the restore job. It cannot
# decrypt (no right on the wrapping key, and no artifact can be fetched), delete, or read a database (no login).

locals {
  console      = var.console == null || var.images == null ? {} : { on = var.console }
  console_name = "${var.name_prefix}-console"

  _console_reads = "(resource.name.endsWith(\".json\") || resource.name.endsWith(\".backups.json.gz\"))"
  _console_creates = {
    events   = local._an_event
    policies = "resource.name.startsWith(\"BUCKET/policies/\") && resource.name.endsWith(\".json\")"
    requests = "resource.name.startsWith(\"BUCKET/requests/\") && resource.name.endsWith(\".json\") && !resource.name.endsWith(\".used.json\")"
  }
  _console_objects = merge(
    {
      lists = { role = local.console == {} ? "" : "projects/${var.project_id}/roles/${local.name_id}_lister", where = null }
      reads = { role = "roles/storage.objectViewer", where = local._console_reads }
    },
    { for what, where in local._console_creates : "creates-${what}" => { role = "roles/storage.objectCreator", where = where } }
  )
  console_objects = length(local.console) == 0 ? {} : merge([
    for store, bucket in local.stores : {
      for what, grant in local._console_objects : "${store}/${what}" => merge(grant, {
        store = store
        where = grant.where == null ? null : replace(grant.where, "BUCKET", "projects/_/buckets/${bucket.name}/objects")
      })
    }
  ]...)

  console_env = {
    BACKUP_CONSOLE_AUDIENCES   = "/projects/${data.google_project.this.number}/locations/${var.region}/services/${local.console_name}"
    BACKUP_CONSOLE_RESTORE_JOB = "projects/${var.project_id}/locations/${var.region}/jobs/${var.name_prefix}-restore"
    BACKUP_KEY                 = local.env.monitor.BACKUP_KEY
    BACKUP_SCHEDULES           = local.env.monitor.BACKUP_SCHEDULES
    BACKUP_SIGNING_KEY         = try("gcp-kms://${google_kms_crypto_key.console["on"].id}/cryptoKeyVersions/1", null)
    # The address of the restore target, with a placeholder instead of a login.
    DATABASE_URL = try("${var.console.database}?apikey=none", null)
  }
}

resource "google_service_account" "console" {
  for_each = local.console

  project      = var.project_id
  account_id   = local.console_name
  display_name = "${local.title_prefix} console"
  description  = "Shows the state of backups and requests restores; cannot decrypt, delete or read a database."

  depends_on = [google_project_service.this]
}

resource "google_project_iam_custom_role" "lister" {
  for_each = local.console

  project     = var.project_id
  role_id     = "${local.name_id}_lister"
  title       = "${local.title_prefix} console"
  description = "Lists objects without reading them."
  permissions = ["storage.objects.list"]

  depends_on = [google_project_service.this]
}

resource "google_storage_bucket_iam_member" "console" {
  for_each = local.console_objects

  bucket = google_storage_bucket.store[each.value.store].name
  role   = each.value.role
  member = google_service_account.console["on"].member

  dynamic "condition" {
    for_each = each.value.where == null ? [] : [each.value.where]
    content {
      title      = "console ${replace(split("/", each.key)[1], "-", " ")}"
      expression = condition.value
    }
  }

  depends_on = [google_project_iam_custom_role.lister]
}

# The policy has its public half as the console's key.
resource "google_kms_crypto_key" "console" {
  for_each = local.console

  name                       = local.console_name # another installation may use the same ring
  key_ring                   = google_kms_key_ring.wrapping.id
  purpose                    = "ASYMMETRIC_SIGN"
  destroy_scheduled_duration = "10368000s"
  labels                     = local.labels

  version_template {
    algorithm        = "EC_SIGN_P256_SHA256"
    protection_level = var.key.protection_level
  }

  lifecycle {
    prevent_destroy = true
  }
}

resource "google_kms_crypto_key_iam_member" "console" {
  for_each = local.console

  crypto_key_id = google_kms_crypto_key.console[each.key].id
  role          = "roles/cloudkms.signerVerifier"
  member        = google_service_account.console[each.key].member
}

resource "google_secret_manager_secret_iam_member" "console_policy" {
  for_each = local.console

  project   = var.project_id
  secret_id = each.value.policy_secret
  role      = "roles/secretmanager.secretAccessor"
  member    = google_service_account.console[each.key].member
}

resource "google_cloud_run_v2_job_iam_member" "console" {
  for_each = local.console

  project  = var.project_id
  name     = google_cloud_run_v2_job.this["restore"].name
  location = var.region
  role     = "roles/run.jobsExecutorWithOverrides"
  member   = google_service_account.console[each.key].member
}

resource "google_cloud_run_v2_service" "console" {
  for_each = local.console

  project             = var.project_id
  name                = local.console_name
  location            = var.region
  labels              = local.labels
  ingress             = "INGRESS_TRAFFIC_ALL"
  iap_enabled         = true
  deletion_protection = var.deletion_protection

  template {
    service_account                  = google_service_account.console[each.key].email
    timeout                          = "60s"
    max_instance_request_concurrency = 8
    execution_environment            = "EXECUTION_ENVIRONMENT_GEN2"

    scaling {
      min_instance_count = 0
      max_instance_count = 1 # an instance keeps its own forms and rates; one is enough, as a page takes a tenth of a second
    }

    containers {
      image = var.images.console

      resources {
        limits   = { cpu = "1", memory = "1Gi" }
        cpu_idle = true
      }

      startup_probe {
        http_get {
          path = "/health"
        }
      }

      dynamic "env" {
        for_each = { for name, value in merge(local._env_of_all, local.console_env) : name => value if value != null }
        content {
          name  = env.key
          value = env.value
        }
      }

      volume_mounts {
        name       = "policy"
        mount_path = "/etc/litekeep/policy"
      }
    }

    volumes {
      name = "policy"
      secret {
        secret = each.value.policy_secret
        items {
          path    = "policy.json"
          version = "latest"
        }
      }
    }
  }

  depends_on = [google_secret_manager_secret_iam_member.console_policy, google_storage_bucket_iam_member.console]
}

# Only Identity-Aware Proxy may call the service, and it admits only the members in `viewers`.
resource "google_cloud_run_v2_service_iam_member" "console" {
  for_each = local.console

  project  = var.project_id
  name     = google_cloud_run_v2_service.console[each.key].name
  location = var.region
  role     = "roles/run.invoker"
  member   = "serviceAccount:service-${data.google_project.this.number}@gcp-sa-iap.iam.gserviceaccount.com"
}

resource "google_iap_web_cloud_run_service_iam_member" "console" {
  for_each = var.images == null ? toset([]) : toset(try(var.console.viewers, []))

  project                = var.project_id
  location               = var.region
  cloud_run_service_name = google_cloud_run_v2_service.console["on"].name
  role                   = "roles/iap.httpsResourceAccessor"
  member                 = each.value
}
