# Alerts on changes to the system, from Cloud Audit Logs (always on for changes) and Cloud Scheduler's log.
# terraform apply fires them too; the alert names the account that made the change.

locals {
  _our_buckets = "(${join(" OR ", [for bucket in local.stores : "\"${bucket.name}\""])})"
  _our_rings   = join("|", distinct(concat([local.wrapping_ring], [for store in keys(local.stores) : "${var.name_prefix}-storage-${store}"])))

  _who = "--project=${var.project_id} --freshness=1d --format='value(timestamp,protoPayload.authenticationInfo.principalEmail,protoPayload.methodName,protoPayload.resourceName)'"

  change_alerts = {
    access-changed = {
      title    = "Project access changed"
      severity = "CRITICAL"
      filter   = "protoPayload.serviceName=\"cloudresourcemanager.googleapis.com\" AND protoPayload.methodName=~\"(^|[.])SetIamPolicy$\""
      means    = "A role on the whole project overrides all grants on backups and keys. If this was not your terraform apply, revert it."
      run      = ["gcloud logging read 'protoPayload.serviceName=\"cloudresourcemanager.googleapis.com\" AND protoPayload.methodName:\"SetIamPolicy\"' ${local._who}", "gcloud projects get-iam-policy ${var.project_id}"]
    }
    audit-changed = {
      title    = "Audit trail changed"
      severity = "CRITICAL"
      filter   = "protoPayload.serviceName=\"logging.googleapis.com\" AND protoPayload.methodName=~\"ConfigServiceV2[.](UpdateSink|DeleteSink|UpdateBucket|UpdateBucketAsync|DeleteBucket|CreateExclusion|UpdateExclusion)$\" AND protoPayload.resourceName=~\"/(sinks|buckets)/(${var.name_prefix}|_Default|_Required)|/exclusions/\""
      means    = "The destination or the retention of logs was changed. Alerts on events need these logs."
      run      = ["gcloud logging sinks describe ${var.name_prefix}-audit --project=${var.project_id}", "gcloud logging buckets list --project=${var.project_id}"]
    }
    bucket-changed = {
      title    = "Bucket policy or settings changed"
      severity = "CRITICAL"
      filter   = "resource.type=\"gcs_bucket\" AND resource.labels.bucket_name=${local._our_buckets} AND protoPayload.methodName=(\"storage.setIamPermissions\" OR \"storage.buckets.update\" OR \"storage.buckets.delete\")"
      means    = "The rights on the bucket or its retention were changed. If this was not your terraform apply, revert it."
      run      = ["# What differs now:", local._plan, "# Who it was:", "gcloud logging read 'resource.type=\"gcs_bucket\" AND protoPayload.methodName=(\"storage.setIamPermissions\" OR \"storage.buckets.update\")' ${local._who}"]
    }
    identity-changed = {
      title    = "Service account of a job changed, or given a key"
      severity = "CRITICAL"
      filter   = "protoPayload.serviceName=\"iam.googleapis.com\" AND protoPayload.methodName=~\"(CreateServiceAccountKey|UploadServiceAccountKey|SetIAMPolicy|SetIamPolicy|DisableServiceAccount|DeleteServiceAccount)$\" AND resource.labels.email_id=~\"^${var.name_prefix}-\""
      means    = "Somebody can act as one of the jobs, or a job does not work any more. The jobs' service accounts need no keys, and Terraform creates none."
      run      = ["gcloud iam service-accounts list --project=${var.project_id} --filter=email:${var.name_prefix}-", "# The keys of one, by its address:", "gcloud iam service-accounts keys list --iam-account=${var.name_prefix}-restore@${var.project_id}.iam.gserviceaccount.com --project=${var.project_id} --managed-by=user"]
    }
    job-changed = {
      title    = "Job changed: its image, settings or rights"
      severity = "CRITICAL"
      filter   = "protoPayload.serviceName=\"run.googleapis.com\" AND protoPayload.methodName=~\"(Jobs|Services)[.](UpdateJob|ReplaceJob|DeleteJob|UpdateService|ReplaceService|DeleteService|SetIamPolicy)$\" AND protoPayload.resourceName=~\"/(jobs|services)/${var.name_prefix}-\""
      means    = "Somebody who changes a job controls its backups. If this was not your terraform apply, check the image that the job runs now."
      run      = ["gcloud run jobs list --project=${var.project_id} --region=${var.region} --format='table(metadata.name,spec.template.spec.template.spec.containers[0].image)'", "# Differences from what you have committed:", local._plan, "# Revert it:", local._deploy]
    }
    key-changed = {
      title    = "Key or key version changed"
      severity = "CRITICAL"
      filter   = "protoPayload.serviceName=\"cloudkms.googleapis.com\" AND protoPayload.methodName=~\"(^|[.])(CreateCryptoKeyVersion|ImportCryptoKeyVersion|DestroyCryptoKeyVersion|UpdateCryptoKeyVersion|UpdateCryptoKeyPrimaryVersion|UpdateCryptoKey|RestoreCryptoKeyVersion|SetIamPolicy)$\" AND protoPayload.resourceName=~\"/keyRings/(${local._our_rings})(/|$)\""
      means    = "A key version was created, disabled, destroyed or restored, or the rights on the key were changed. A version scheduled for destruction can be restored for 120 days; after that, every backup that it wrapped is lost. The scheduled rotation does not fire this alert."
      run      = local._key_commands
    }
    not-started = {
      title    = "Schedule could not start its job"
      severity = "ERROR"
      filter   = "resource.type=\"cloud_scheduler_job\" AND resource.labels.job_id=~\"^${var.name_prefix}-\" AND severity>=ERROR"
      means    = "Cloud Scheduler could not start the job (rights, quota), so nothing ran in this slot."
      run      = ["gcloud scheduler jobs list --project=${var.project_id} --location=${local.scheduler_location}", "# Once that is fixed:", local._execute.backup]
    }
    watch-changed = {
      title    = "Alert, metric or schedule changed, paused or deleted"
      severity = "CRITICAL"
      filter = join(" OR ", [
        "(protoPayload.serviceName=\"monitoring.googleapis.com\" AND protoPayload.methodName=~\"(DeleteAlertPolicy|UpdateAlertPolicy|DeleteNotificationChannel|UpdateNotificationChannel|CreateSnooze|UpdateSnooze)$\")",
        "(protoPayload.serviceName=\"logging.googleapis.com\" AND protoPayload.methodName=~\"MetricsServiceV2[.](UpdateLogMetric|DeleteLogMetric)$\" AND protoPayload.resourceName=~\"/metrics/${local.name_id}_\")",
        "(protoPayload.serviceName=\"cloudscheduler.googleapis.com\" AND protoPayload.methodName=~\"(PauseJob|UpdateJob|DeleteJob)$\" AND protoPayload.resourceName=~\"/jobs/${var.name_prefix}-\")",
      ])
      means = "An alert, a notification channel, a metric or a schedule was changed. If this was neither your terraform apply nor a known snooze, revert it."
      run   = ["# What differs now:", local._plan, "# Who it was:", "gcloud logging read 'protoPayload.serviceName=(\"monitoring.googleapis.com\" OR \"logging.googleapis.com\" OR \"cloudscheduler.googleapis.com\")' ${local._who}"]
    }
  }

  _plan = "make plan PROJECT=${var.project_id}"
}

resource "google_monitoring_alert_policy" "change" {
  for_each = local.change_alerts

  project               = var.project_id
  display_name          = "${local.title_prefix}: ${each.value.title}"
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
    subject   = "${local.title_prefix} ${var.environment}: ${each.value.title}"
    content   = "${each.value.means}\n\n$${log.extracted_label.method} $${log.extracted_label.who}\n\nRun:\n\n    ${join("\n    ", flatten([each.value.run]))}\n"

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
