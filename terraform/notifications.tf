resource "google_monitoring_notification_channel" "email" {
  for_each = var.notifications.emails

  display_name = "Litekeep: ${each.value}"
  type         = "email"
  labels       = { email_address = each.value }

  depends_on = [google_project_service.this]
}

resource "google_monitoring_notification_channel" "webhook" {
  for_each = var.notifications.webhooks

  display_name = "Litekeep: ${each.key}"
  type         = "webhook_tokenauth"
  labels       = { url = each.value }

  depends_on = [google_project_service.this]
}

resource "google_monitoring_notification_channel" "pubsub" {
  for_each = var.notifications.pubsub_topics

  display_name = "Litekeep: ${each.value}"
  type         = "pubsub"
  labels       = { topic = each.value }

  depends_on = [google_pubsub_topic_iam_member.alerts]
}

# Cloud Monitoring publishes as its own account, which needs the right on each topic.
resource "google_pubsub_topic_iam_member" "alerts" {
  for_each = var.notifications.pubsub_topics

  project = split("/", each.value)[1]
  topic   = split("/", each.value)[3]
  role    = "roles/pubsub.publisher"
  member  = "serviceAccount:service-${data.google_project.this.number}@gcp-sa-monitoring-notification.iam.gserviceaccount.com"
}

locals {
  notification_channels = concat(
    [for channel in google_monitoring_notification_channel.email : channel.id],
    [for channel in google_monitoring_notification_channel.webhook : channel.id],
    [for channel in google_monitoring_notification_channel.pubsub : channel.id],
  )
}
