# Data-access logs of the services with secrets and jobs, and a log bucket that keeps these and the jobs' logs for longer
# than the default bucket.

locals {
  # For Cloud Run, starting a job (Jobs.RunJob) is a data write, which is logged only if this is turned on.
  _audited = {
    "cloudkms.googleapis.com"      = ["ADMIN_READ", "DATA_READ", "DATA_WRITE"]
    "run.googleapis.com"           = ["DATA_WRITE"]
    "secretmanager.googleapis.com" = ["ADMIN_READ", "DATA_READ", "DATA_WRITE"]
    "storage.googleapis.com"       = ["ADMIN_READ", "DATA_READ", "DATA_WRITE"]
  }
}

resource "google_project_iam_audit_config" "this" {
  for_each = var.audit.data_access ? local._audited : {}

  project = var.project_id
  service = each.key # replaces the service's whole audit configuration in the project

  dynamic "audit_log_config" {
    for_each = each.value
    content {
      log_type = audit_log_config.value
    }
  }

  depends_on = [google_project_service.this]
}

resource "google_logging_project_bucket_config" "audit" {
  project        = var.project_id
  location       = var.region
  bucket_id      = "${var.name_prefix}-audit"
  description    = "Litekeep: the jobs' logs, and access to buckets, keys and secrets"
  retention_days = var.audit.retention_days
  locked         = var.audit.locked

  depends_on = [google_project_service.this]
}

resource "google_logging_project_sink" "audit" {
  project                = var.project_id
  name                   = "${var.name_prefix}-audit"
  description            = "Litekeep's audit trail"
  destination            = "logging.googleapis.com/${google_logging_project_bucket_config.audit.id}"
  unique_writer_identity = true
  filter = join(" OR ", [
    "(${local.our_logs})",
    "(logName:\"cloudaudit.googleapis.com\" AND resource.type=\"gcs_bucket\" AND resource.labels.bucket_name=${local._our_buckets})",
    "(logName:\"cloudaudit.googleapis.com\" AND protoPayload.serviceName=(\"cloudkms.googleapis.com\" OR \"secretmanager.googleapis.com\") AND protoPayload.resourceName:\"${var.name_prefix}\")",
    "(logName:\"cloudaudit.googleapis.com\" AND protoPayload.serviceName=(\"run.googleapis.com\" OR \"logging.googleapis.com\") AND protoPayload.resourceName:\"${var.name_prefix}\")",
  ])
}
