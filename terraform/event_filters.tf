# The log filters of the alerts on events (alerts_events.tf), and the commands at the end of their texts.

locals {
  _key_of_versions = "--key=${var.key.name} --keyring=${local.wrapping_ring} --location=${var.key.location} --project=${var.project_id}"
  _key_commands = [
    "gcloud kms keys versions list ${local._key_of_versions}",
    "# Restore a version that is scheduled for destruction, by its number, then enable it:",
    "gcloud kms keys versions restore 1 ${local._key_of_versions}",
    "gcloud kms keys versions enable 1 ${local._key_of_versions}",
  ]

  # The end of every alert's text: each line is a command or begins with #.
  event_runs = { for name, alert in local.event_alerts : name => join("\n    ", flatten([alert.run])) }

  event_filters = {
    for name, alert in local.event_alerts : name => join(" AND ", compact([
      local.our_logs,
      "jsonPayload.event=(${join(" OR ", [for event in alert.events : "\"${event}\""])})",
      alert.where,
    ]))
  }

  # Without jobs nothing is logged, and every alert on silence would fire.
  alerts_on = var.images != null
}
