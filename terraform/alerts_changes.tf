# Alerts on what others do to the system: from Cloud Audit Logs (always on for changes) and Cloud Scheduler's log.

locals {
  _our_buckets = "(${join(" OR ", [for bucket in local.stores : "\"${bucket.name}\""])})"

  change_alerts = {
    audit-changed = {
      title    = "Audit trail changed"
      severity = "CRITICAL"
      filter   = "protoPayload.serviceName=\"logging.googleapis.com\" AND protoPayload.methodName=~\"ConfigServiceV2[.](UpdateSink|DeleteSink|UpdateBucket|DeleteBucket|CreateExclusion|UpdateExclusion)$\" AND protoPayload.resourceName=~\"/(sinks|buckets)/(${var.name_prefix}|_Default|_Required)|/exclusions/\""
      means    = "Where logs go, or for how long they stay, was changed. Alerts on events stand on these logs."
      run      = "gcloud logging sinks describe ${var.name_prefix}-audit --project=${var.project_id}"
    }
    bucket-changed = {
      title    = "Bucket policy or settings changed"
      severity = "CRITICAL"
      filter   = "resource.type=\"gcs_bucket\" AND resource.labels.bucket_name=${local._our_buckets} AND protoPayload.methodName=(\"storage.setIamPermissions\" OR \"storage.buckets.update\" OR \"storage.buckets.delete\")"
      means    = "Who may touch the backups, or how long they are kept, was changed. If it was no terraform apply of yours, undo it."
      run      = "terraform plan   # shows what differs; who it was: gcloud logging read 'resource.type=\"gcs_bucket\" AND protoPayload.methodName=\"storage.setIamPermissions\"' --project=${var.project_id} --freshness=1d"
    }
    key-changed = {
      title    = "Key or key version changed"
      severity = "CRITICAL"
      filter   = "protoPayload.serviceName=\"cloudkms.googleapis.com\" AND protoPayload.methodName=~\"(^|[.])(DestroyCryptoKeyVersion|UpdateCryptoKeyVersion|UpdateCryptoKeyPrimaryVersion|UpdateCryptoKey|RestoreCryptoKeyVersion|SetIamPolicy)$\" AND protoPayload.resourceName=~\"/keyRings/${var.name_prefix}-(wrapping|storage-)\""
      means    = "A version was disabled, destroyed or brought back, or who may use the key was changed. A destroyed version takes every backup that it wrapped with it, after 120 days in which it can be restored."
      run      = "gcloud kms keys versions list --key=wrapping --keyring=${var.name_prefix}-wrapping --location=${var.key.location} --project=${var.project_id}   # to bring one back: gcloud kms keys versions restore, then enable"
    }
    not-started = {
      title    = "Schedule could not start its job"
      severity = "ERROR"
      filter   = "resource.type=\"cloud_scheduler_job\" AND resource.labels.job_id=~\"^${var.name_prefix}-\" AND severity>=ERROR"
      means    = "Cloud Scheduler was refused (rights, quota), so nothing ran in this slot."
      run      = "gcloud scheduler jobs list --project=${var.project_id} --location=${coalesce(var.scheduler_region, var.region)}   # and once mended: ${local._execute.backup}"
    }
  }
}

resource "google_monitoring_alert_policy" "change" {
  for_each = local.change_alerts

  display_name          = "Litekeep: ${each.value.title}"
  combiner              = "OR"
  severity              = each.value.severity
  notification_channels = local.notification_channels
  user_labels           = local.labels

  conditions {
    display_name = each.value.title
    condition_matched_log {
      filter = each.value.filter
      label_extractors = {
        method = "EXTRACT(protoPayload.methodName)"
        who    = "EXTRACT(protoPayload.authenticationInfo.principalEmail)"
      }
    }
  }

  alert_strategy {
    auto_close = "86400s"
    notification_rate_limit {
      period = "300s"
    }
  }

  documentation {
    mime_type = "text/markdown"
    subject   = "Litekeep ${var.environment}: ${each.value.title}"
    content   = "${each.value.means}\n\n$${log.extracted_label.method} $${log.extracted_label.who}\n\nRun:\n\n    ${each.value.run}\n"

    dynamic "links" {
      for_each = var.alerts.runbook_url == null ? [] : ["${var.alerts.runbook_url}#${each.key}"]
      content {
        display_name = "Runbook: ${each.value.title}"
        url          = links.value
      }
    }
  }

  depends_on = [google_project_service.this]
}
