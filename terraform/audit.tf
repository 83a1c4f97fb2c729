# Who read, wrote or changed what: data-access logs of the three services that hold secrets, and a log bucket
# that keeps them, and what the jobs said, for longer than the default one does.

resource "google_project_iam_audit_config" "this" {
  for_each = var.audit.data_access ? toset(["cloudkms.googleapis.com", "secretmanager.googleapis.com", "storage.googleapis.com"]) : []

  project = var.project_id
  service = each.value # this is the whole of the service's setting in the project

  audit_log_config {
    log_type = "ADMIN_READ"
  }
  audit_log_config {
    log_type = "DATA_READ"
  }
  audit_log_config {
    log_type = "DATA_WRITE"
  }

  depends_on = [google_project_service.this]
}

resource "google_logging_project_bucket_config" "audit" {
  project        = var.project_id
  location       = var.region
  bucket_id      = "${var.name_prefix}-audit"
  description    = "Litekeep: what the jobs said, and who touched buckets, keys and secrets"
  retention_days = var.audit.retention_days
  locked         = var.audit.locked

  depends_on = [google_project_service.this]
}

resource "google_logging_project_sink" "audit" {
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
