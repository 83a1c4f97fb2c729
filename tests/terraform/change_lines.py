"""Audit log entries of changes to the system, each with the alert that it fires, or None."""

from tests.terraform.logging_query import Entry


def audit_line(service: str, method: str, resource: str, **resource_fields: object) -> Entry:
    return {
        "severity": "NOTICE",
        "resource": resource_fields or {"type": "audited_resource", "labels": {}},
        "logName": "projects/acme-prod/logs/cloudaudit.googleapis.com%2Factivity",
        "protoPayload": {
            "serviceName": service,
            "methodName": method,
            "resourceName": resource,
            "authenticationInfo": {"principalEmail": "somebody@acme.example"},
        },
    }


def bucket_line(method: str, bucket: str = "acme-prod-litekeep") -> Entry:
    return audit_line(
        "storage.googleapis.com",
        method,
        f"projects/_/buckets/{bucket}",
        type="gcs_bucket",
        labels={"bucket_name": bucket},
    )


KEY = "projects/acme-prod/locations/global/keyRings/litekeep-wrapping/cryptoKeys/wrapping/cryptoKeyVersions/1"
CHANGES = [
    (audit_line("cloudkms.googleapis.com", "DestroyCryptoKeyVersion", KEY), "key-changed"),
    (audit_line("cloudkms.googleapis.com", "UpdateCryptoKeyVersion", KEY), "key-changed"),
    (audit_line("cloudkms.googleapis.com", "SetIamPolicy", KEY.replace("wrapping", "storage-copy", 1)), "key-changed"),
    (audit_line("cloudkms.googleapis.com", "Decrypt", KEY), None),
    (audit_line("cloudkms.googleapis.com", "DestroyCryptoKeyVersion", KEY.replace("litekeep-", "shop-")), None),
    (bucket_line("storage.setIamPermissions"), "bucket-changed"),
    (bucket_line("storage.buckets.update", "acme-prod-litekeep-copy"), "bucket-changed"),
    (bucket_line("storage.buckets.delete"), "bucket-changed"),
    (bucket_line("storage.objects.create"), None),
    (bucket_line("storage.setIamPermissions", "acme-prod-web"), None),
    (
        audit_line(
            "logging.googleapis.com",
            "google.logging.v2.ConfigServiceV2.DeleteSink",
            "projects/acme-prod/sinks/litekeep-audit",
        ),
        "audit-changed",
    ),
    (
        audit_line(
            "logging.googleapis.com",
            "google.logging.v2.ConfigServiceV2.UpdateBucket",
            "projects/acme-prod/locations/global/buckets/_Default",
        ),
        "audit-changed",
    ),
    (
        audit_line(
            "logging.googleapis.com",
            "google.logging.v2.ConfigServiceV2.UpdateSink",
            "projects/acme-prod/sinks/billing",
        ),
        None,
    ),
    (
        {
            "severity": "ERROR",
            "resource": {"type": "cloud_scheduler_job", "labels": {"job_id": "litekeep-backup-daily"}},
        },
        "not-started",
    ),
    (
        {
            "severity": "INFO",
            "resource": {"type": "cloud_scheduler_job", "labels": {"job_id": "litekeep-backup-daily"}},
        },
        None,
    ),
    ({"severity": "ERROR", "resource": {"type": "cloud_scheduler_job", "labels": {"job_id": "report"}}}, None),
]
METRIC_CALLS, SCHEDULER_CALLS = "google.logging.v2.MetricsServiceV2", "google.cloud.scheduler.v1.CloudScheduler"
MONITORING_CALLS, IAM_CALLS = "google.monitoring.v3", "google.iam.admin.v1"
WATCH, METRICS = "watch-changed", "projects/acme-prod/metrics"
SCHEDULE = "projects/acme-prod/locations/l/jobs/litekeep-backup-daily"
LOGGING = "google.logging.v2.ConfigServiceV2"
RUN, JOB = "google.cloud.run", "namespaces/acme-prod/jobs/litekeep-backup-daily"
ROBOT = {"type": "service_account", "labels": {"email_id": "litekeep-restore@acme-prod.iam.gserviceaccount.com"}}
MORE_CHANGES = [
    (audit_line("cloudkms.googleapis.com", "CreateCryptoKeyVersion", KEY), "key-changed"),
    (audit_line("cloudkms.googleapis.com", "ImportCryptoKeyVersion", KEY), "key-changed"),
    (
        audit_line("logging.googleapis.com", f"{LOGGING}.UpdateBucketAsync", "projects/p/locations/l/buckets/_Default"),
        "audit-changed",
    ),
    (audit_line("cloudresourcemanager.googleapis.com", "SetIamPolicy", "projects/acme-prod"), "access-changed"),
    (audit_line("cloudresourcemanager.googleapis.com", "GetIamPolicy", "projects/acme-prod"), None),
    (audit_line("run.googleapis.com", f"{RUN}.v1.Jobs.ReplaceJob", JOB), "job-changed"),
    (audit_line("run.googleapis.com", f"{RUN}.v2.Jobs.UpdateJob", f"projects/p/locations/l/{JOB[20:]}"), "job-changed"),
    (audit_line("run.googleapis.com", f"{RUN}.v1.Jobs.RunJob", JOB), None),
    (audit_line("run.googleapis.com", f"{RUN}.v1.Jobs.ReplaceJob", "namespaces/acme-prod/jobs/shop"), None),
    (
        audit_line("monitoring.googleapis.com", f"{MONITORING_CALLS}.AlertPolicyService.DeleteAlertPolicy", "p/1"),
        WATCH,
    ),
    (audit_line("monitoring.googleapis.com", f"{MONITORING_CALLS}.SnoozeService.CreateSnooze", "p/1"), WATCH),
    (audit_line("monitoring.googleapis.com", f"{MONITORING_CALLS}.AlertPolicyService.CreateAlertPolicy", "p/1"), None),
    (
        audit_line("logging.googleapis.com", f"{METRIC_CALLS}.DeleteLogMetric", f"{METRICS}/litekeep_x"),
        WATCH,
    ),
    (
        audit_line("logging.googleapis.com", f"{METRIC_CALLS}.DeleteLogMetric", f"{METRICS}/shop"),
        None,
    ),
    (audit_line("cloudscheduler.googleapis.com", f"{SCHEDULER_CALLS}.PauseJob", SCHEDULE), WATCH),
    (audit_line("cloudscheduler.googleapis.com", f"{SCHEDULER_CALLS}.RunJob", SCHEDULE), None),
    (
        audit_line("iam.googleapis.com", f"{IAM_CALLS}.CreateServiceAccountKey", "p/-/s/1", **ROBOT),
        "identity-changed",
    ),
    (audit_line("iam.googleapis.com", f"{IAM_CALLS}.SetIAMPolicy", "p/-/s/1", **ROBOT), "identity-changed"),
    (audit_line("iam.googleapis.com", f"{IAM_CALLS}.CreateServiceAccountKey", "projects/-/s/1"), None),
]
