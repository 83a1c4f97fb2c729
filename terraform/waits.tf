# A grant to one of Google's service accounts takes up to a minute to take effect everywhere. Before that, a bucket with a
# key fails with 403 and a trigger with 400. So wait once after the grant is made.

resource "terraform_data" "key_grants_count" {
  triggers_replace = [for store in sort(keys(local.stores)) : google_kms_crypto_key_iam_member.storage[store].id]

  provisioner "local-exec" {
    command = "sleep 60"
  }
}

resource "terraform_data" "arrival_grants_count" {
  for_each = local.arrival

  triggers_replace = [google_project_iam_member.arrival_receives[each.key].id, google_project_iam_member.storage_publishes[each.key].id]

  provisioner "local-exec" {
    command = "sleep 90"
  }
}
