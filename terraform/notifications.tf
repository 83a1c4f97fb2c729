resource "google_monitoring_notification_channel" "email" {
  for_each = var.notifications.emails

  project      = var.project_id
  display_name = "${local.title_prefix}: ${each.value}"
  type         = "email"
  labels       = { email_address = each.value }

  depends_on = [google_project_service.this]
}

resource "google_monitoring_notification_channel" "webhook" {
  for_each = var.notifications.webhooks

  project      = var.project_id
  display_name = "${local.title_prefix}: ${each.key}"
  type         = "webhook_tokenauth"
  labels       = { url = each.value }

  depends_on = [google_project_service.this]
}

resource "google_monitoring_notification_channel" "pubsub" {
  for_each = var.notifications.pubsub_topics

  project      = var.project_id
  display_name = "${local.title_prefix}: ${each.value}"
  type         = "pubsub"
  labels       = { topic = each.value }

  depends_on = [google_project_service.this]
}

# Cloud Monitoring publishes with its own service account, which needs a right on each topic. It creates that account with
# the project's first channel of this type, so the grant depends on the channel.
resource "google_pubsub_topic_iam_member" "alerts" {
  for_each = var.notifications.pubsub_topics

  project = split("/", each.value)[1]
  topic   = split("/", each.value)[3]
  role    = "roles/pubsub.publisher"
  member  = "serviceAccount:service-${data.google_project.this.number}@gcp-sa-monitoring-notification.iam.gserviceaccount.com"

  depends_on = [google_monitoring_notification_channel.pubsub]
}

locals {
  notification_channels = concat(
    [for channel in google_monitoring_notification_channel.email : channel.id],
    [for channel in google_monitoring_notification_channel.webhook : channel.id],
    [for channel in google_monitoring_notification_channel.pubsub : channel.id],
  )
}
