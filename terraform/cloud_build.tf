# Builds without Docker: a service account for builds, because the default one of new projects has no rights here, and a
# bucket for the uploaded source.

locals {
  build        = var.cloud_build == null ? {} : { on = var.cloud_build }
  build_bucket = "${var.project_id}-${var.name_prefix}-build"
}

resource "google_service_account" "build" {
  for_each = local.build

  project      = var.project_id
  account_id   = "${var.name_prefix}-build"
  display_name = "${local.title_prefix} build"
  description  = "Builds images in Cloud Build: reads the source, writes images and logs, and has no other right."

  depends_on = [google_project_service.this]
}

resource "google_storage_bucket" "build" {
  # checkov:skip=CKV_GCP_78:Source archives are kept for a week, and git has all of them.
  # checkov:skip=CKV_GCP_62:It holds only source code, for a week.
  for_each = local.build

  project                     = var.project_id
  name                        = local.build_bucket
  location                    = var.region
  uniform_bucket_level_access = true
  public_access_prevention    = "enforced"
  force_destroy               = true # it holds no only copy of anything
  labels                      = local.labels

  lifecycle_rule {
    action {
      type = "Delete"
    }
    condition {
      age = 7
    }
  }

  depends_on = [google_project_service.this]
}

resource "google_storage_bucket_iam_member" "build" {
  for_each = local.build

  bucket = google_storage_bucket.build[each.key].name
  role   = "roles/storage.objectViewer"
  member = google_service_account.build[each.key].member
}

resource "google_artifact_registry_repository_iam_member" "build" {
  for_each = local.build

  project    = var.project_id
  location   = var.region
  repository = google_artifact_registry_repository.images.name
  role       = "roles/artifactregistry.writer"
  member     = google_service_account.build[each.key].member
}

resource "google_project_iam_member" "build_logs" {
  for_each = local.build

  project = var.project_id
  role    = "roles/logging.logWriter"
  member  = google_service_account.build[each.key].member
}
