# A subnet of another project (Shared VPC): that project must grant access to Cloud Run's service account.

locals {
  subnet         = var.network == null ? null : one(regexall("^projects/([^/]+)/regions/([^/]+)/subnetworks/([^/]+)$", var.network.subnetwork))
  _foreign       = try(local.subnet[0] != var.project_id, false)
  network_grants = local._foreign && try(var.network.grant, false) ? { on = local.subnet } : {}
}

resource "google_compute_subnetwork_iam_member" "run" {
  for_each = local.network_grants

  project    = each.value[0]
  region     = each.value[1]
  subnetwork = each.value[2]
  role       = "roles/compute.networkUser"
  member     = "serviceAccount:service-${data.google_project.this.number}@serverless-robot-prod.iam.gserviceaccount.com"

  depends_on = [google_project_service.this]
}
