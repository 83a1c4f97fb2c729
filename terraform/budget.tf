# A monthly budget. Notifies at half of it, at all of it, and when the forecast for the month is above it.

resource "google_billing_budget" "this" {
  for_each = var.budget == null ? {} : { on = var.budget }

  billing_account = each.value.billing_account
  display_name    = "${local.title_prefix}: ${var.project_id}"

  budget_filter {
    projects = ["projects/${data.google_project.this.number}"]
    labels   = { app = "litekeep" }
  }

  amount {
    specified_amount {
      currency_code = each.value.currency
      units         = tostring(each.value.amount)
    }
  }

  threshold_rules {
    threshold_percent = 0.5
  }
  threshold_rules {
    threshold_percent = 1
  }
  threshold_rules {
    threshold_percent = 1
    spend_basis       = "FORECASTED_SPEND"
  }

  all_updates_rule {
    # A budget accepts at most five channels, only of type e-mail.
    monitoring_notification_channels = slice(local._email_channels, 0, min(5, length(local._email_channels)))
  }

  depends_on = [google_project_service.this]
}

locals {
  _email_channels = [for channel in google_monitoring_notification_channel.email : channel.id]
}
