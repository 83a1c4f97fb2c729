# Rights on stored objects. Each job has its own service account, and none can overwrite: that needs
# storage.objects.delete, which only cleanup has, and cleanup cannot create the objects that it deletes. Each account can
# create only the names that its code writes, because other jobs trust verdicts, holds and marks.

resource "google_project_iam_custom_role" "cleaner" {
  project     = var.project_id
  role_id     = "${local.name_id}_cleaner"
  title       = "${local.title_prefix} cleanup"
  description = "Lists, reads and deletes objects; cannot create or change any."
  permissions = ["storage.objects.delete", "storage.objects.get", "storage.objects.list"]

  depends_on = [google_project_service.this]
}

locals {
  # IAM's name of an object begins with BUCKET/. IAM conditions on names have ==, startsWith, endsWith and extract, but no
  # patterns; an expression may have at most 12 of && || !.
  _under_a_kind = "(${join(" || ", [for kind in local.kinds : "resource.name.startsWith(\"BUCKET/${kind}/\")"])})"
  # All artifacts of the jobs are encrypted, so they need no names without .enc.
  _of_a_backup = "(${join(" || ", [for suffix in [".index.enc", ".manifest.json", ".pages.zst.enc", ".sql.gz.enc", ".sqlite.zst.enc"] : "resource.name.endsWith(\"${suffix}\")"])})"

  # Records that an approved request was used. Only people create requests, approvals and refusals.
  _a_use = "resource.name.startsWith(\"BUCKET/requests/\") && resource.name.endsWith(\".used.json\")"

  # An event of the audit trail. Only the monitor creates checkpoints, which show changes to events.
  _an_event = "resource.name.startsWith(\"BUCKET/audit/\") && !resource.name.startsWith(\"BUCKET/audit/checkpoints/\") && resource.name.endsWith(\".json\")"

  # The only names that each service account may create. tests/terraform/test_object_rights.py compares them with
  # shared/model/names.py and with what the jobs do.
  _creates = {
    backup = {
      backups = "${local._under_a_kind} && ${local._of_a_backup}"
      events  = local._an_event
      claims  = "resource.name.startsWith(\"BUCKET/locks/slots/\") && resource.name.endsWith(\".json\")"
      marks   = "resource.name.startsWith(\"BUCKET/locks/unchanged/\") && resource.name.endsWith(\".json\")"
    }
    cleanup = {
      events = local._an_event
      leases = "resource.name.startsWith(\"BUCKET/locks/cleanup.\") && resource.name.endsWith(\".json\")"
      rules  = "resource.name.startsWith(\"BUCKET/locks/rules/\") && resource.name.endsWith(\".json\")"
      uses   = local._a_use
    }
    monitor = {
      checkpoints = "resource.name.startsWith(\"BUCKET/audit/checkpoints/\") && (resource.name.endsWith(\".json\") || resource.name.endsWith(\".backups.json.gz\"))"
      probe       = "resource.name == \"BUCKET/health/probe\""
    }
    restore = {
      events = local._an_event
      uses   = local._a_use
      saves  = "resource.name.startsWith(\"BUCKET/on-demand/\") && resource.name.extract(\"/objects/on-demand/{database}/before-restore-\") != \"\" && ${local._of_a_backup}"
    }
    verify = {
      events   = local._an_event
      drills   = "resource.name.startsWith(\"BUCKET/drills/\")"
      verdicts = "${local._under_a_kind} && resource.name.extract(\".verified-{moment}.json\") != \"\" && resource.name.endsWith(\".json\")"
    }
  }

  # Reading has no condition, because storage.objects.list cannot have a condition on names. A backup needs it to list
  # the store, and to check an upload whose reply was lost; it does not allow decrypting.
  _object_grants = merge(
    { for identity in ["backup", "monitor", "restore", "verify"] : "${identity}-reads" => { identity = identity, role = "roles/storage.objectViewer", where = null } },
    { cleanup-deletes = { identity = "cleanup", role = google_project_iam_custom_role.cleaner.id, where = null } },
    [
      for identity, names in local._creates : {
        for what, where in names : "${identity}-${what}" => { identity = identity, role = "roles/storage.objectCreator", where = where }
      }
    ]...
  )

  # In the copy store the monitor also creates the events of its checkpoints, so that the trail can be verified there
  # alone. In the primary store it creates no events, because it would be attesting its own writes.
  _copy_grants = { monitor-events = { identity = "monitor", role = "roles/storage.objectCreator", where = local._an_event } }

  object_grants = merge([
    for store, bucket in local.stores : {
      for name, grant in merge(local._object_grants, store == "copy" ? local._copy_grants : {}) : "${store}/${name}" => merge(grant, {
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
