# Who may do what with stored objects. Each job has an identity of its own, and none can overwrite: that takes
# storage.objects.delete, which only cleanup has, and cleanup cannot create what it deleted.

resource "google_project_iam_custom_role" "cleaner" {
  role_id     = "${local.name_id}_cleaner"
  title       = "Litekeep cleanup"
  description = "Lists, reads and deletes objects; cannot create or change any."
  permissions = ["storage.objects.delete", "storage.objects.get", "storage.objects.list"]

  depends_on = [google_project_service.this]
}

locals {
  # `where` is a condition on the object's name, with BUCKET for the bucket's part of it.
  # Reading is always unconditional: a condition on names cannot hold for storage.objects.list.
  _object_grants = {
    # Reading shows a backup what there is, and whether an upload whose answer was lost was its own.
    # It cannot decrypt what it reads.
    backup-creates = { identity = "backup", role = "roles/storage.objectCreator", where = null }
    backup-reads   = { identity = "backup", role = "roles/storage.objectViewer", where = null }

    cleanup-deletes = { identity = "cleanup", role = google_project_iam_custom_role.cleaner.id, where = null }
    cleanup-leases  = { identity = "cleanup", role = "roles/storage.objectCreator", where = "resource.name.startsWith(\"BUCKET/${local.locks_prefix}\")" }

    monitor-probes = { identity = "monitor", role = "roles/storage.objectCreator", where = "resource.name.startsWith(\"BUCKET/${local.probe_prefix}\")" }
    monitor-reads  = { identity = "monitor", role = "roles/storage.objectViewer", where = null }

    restore-reads = { identity = "restore", role = "roles/storage.objectViewer", where = null }
    restore-saves = { identity = "restore", role = "roles/storage.objectCreator", where = "resource.name.startsWith(\"BUCKET/on-demand/\")" }

    verify-judges = { identity = "verify", role = "roles/storage.objectCreator", where = "resource.name.extract(\".verified-{moment}.json\") != \"\" || resource.name.startsWith(\"BUCKET/${local.drills_prefix}\") || resource.name.startsWith(\"BUCKET/${local.locks_prefix}\")" }
    verify-reads  = { identity = "verify", role = "roles/storage.objectViewer", where = null }
  }

  object_grants = merge([
    for store, bucket in local.stores : {
      for name, grant in local._object_grants : "${store}/${name}" => merge(grant, {
        store = store
        where = grant.where == null ? null : replace(grant.where, "BUCKET", "projects/_/buckets/${bucket.name}/objects")
      })
    }
  ]...)
}

resource "google_storage_bucket_iam_member" "job" {
  for_each = local.object_grants

  bucket = google_storage_bucket.store[each.value.store].name
  role   = each.value.role
  member = google_service_account.job[each.value.identity].member

  dynamic "condition" {
    for_each = each.value.where == null ? [] : [each.value.where]
    content {
      title      = replace(split("/", each.key)[1], "-", " ")
      expression = condition.value
    }
  }
}
