# Copy this beside main.tf for one apply to import existing resources: after a take-down, or your own buckets, keys or
# registry (bucket.name, copy_store.name, key.ring, key.name, registry). Remove the blocks of resources that do not exist.

import {
  for_each = local.stores
  to       = google_storage_bucket.store[each.key]
  id       = "${var.project_id}/${each.value.name}"
}

import {
  for_each = local.stores
  to       = google_kms_key_ring.storage[each.key]
  id       = "projects/${var.project_id}/locations/${each.value.key_location}/keyRings/${var.name_prefix}-storage-${each.key}"
}

import {
  for_each = local.stores
  to       = google_kms_crypto_key.storage[each.key]
  id       = "projects/${var.project_id}/locations/${each.value.key_location}/keyRings/${var.name_prefix}-storage-${each.key}/cryptoKeys/storage"
}

import {
  to = google_kms_key_ring.wrapping
  id = "projects/${var.project_id}/locations/${var.key.location}/keyRings/${local.wrapping_ring}"
}

import {
  to = google_kms_crypto_key.wrapping
  id = "projects/${var.project_id}/locations/${var.key.location}/keyRings/${local.wrapping_ring}/cryptoKeys/${var.key.name}"
}

# The log bucket, if a take-down deleted it within the last seven days and you undeleted it, or kept it with KEEP_LOGS=1:
# import {
#   to = google_logging_project_bucket_config.audit
#   id = "projects/${var.project_id}/locations/${var.region}/buckets/${var.name_prefix}-audit"
# }

# An existing registry:
# import {
#   to = google_artifact_registry_repository.images
#   id = "projects/${var.project_id}/locations/${var.region}/repositories/${local.registry_name}"
# }
