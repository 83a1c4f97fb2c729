# No policy deletes images: a job names its image by digest, and a restore in a year must still find it.

resource "google_artifact_registry_repository" "images" {
  # checkov:skip=CKV_GCP_84:Images hold code and no data; a separate key would be another reason for a restore to fail.
  project       = var.project_id
  repository_id = local.registry_name
  location      = var.region
  format        = "DOCKER"
  description   = "Images of the jobs of ${local.title_prefix}"
  labels        = local.labels

  docker_config {
    immutable_tags = true
  }

  depends_on = [google_project_service.this]
}

locals {
  registry_name = coalesce(var.registry, var.name_prefix)
  registry      = "${var.region}-docker.pkg.dev/${var.project_id}/${local.registry_name}"
}
