# Every variable, with values other than the defaults.
project_id  = "acme-backups"
region      = "europe-west1"
environment = "production"
labels      = { team = "platform", cost-center = "4711" }
name_prefix = "orders-backup"

# Databases and schedules (UTC).
databases      = ["orders", "customers", "stock"]
backup_formats = ["sql", "sqlite"]
skip_unchanged = true
schedules = {
  cleanup       = "0 4 * * *"
  daily         = "30 1,13 * * *"
  drill         = "0 3 * * 0"
  monitor       = "10 * * * *"
  restore_check = "0 6 1 * *"
  verify        = "20 */2 * * *"
  weekly        = "0 2 * * 0"
}
retention_days  = { daily = 60, milestone = 2555, on_demand = 14 }
secret_versions = { source = "latest", target = "3" }

# Checks of the monthly drill on a restored database, in addition to Litekeep's own.
drill_checks = <<-SQL
  -- name: every order has a customer
  -- database: orders
  -- expect: 0
  SELECT count(*) FROM orders WHERE customer_id NOT IN (SELECT id FROM customers);
SQL

# Locations: a bucket in two regions, and a copy in a third.
bucket = {
  name             = "acme-orders-backups"
  location         = "EU"
  dual_region      = ["europe-west1", "europe-west4"]
  turbo            = true
  soft_delete_days = 30
  backstop_days    = 730
}
copy_store     = { location = "europe-north1" }
retention_lock = { days = 7, locked = false } # locked = true can never be undone
key            = { location = "europe", protection_level = "HSM" }

# Resources of each job.
job_sizes = {
  backup  = { cpu = 4, memory_gib = 8, scratch_gib = 50, tasks = 3, timeout_minutes = 120 }
  restore = { scratch_gib = 50, timeout_minutes = 480 }
  verify  = { cpu = 4, memory_gib = 8, scratch_gib = 50, tasks = 3 }
}
disk_quota        = { instance_gib = 50, region_gib = 1000, volumes = 20 } # as on the console's quota page
verify_on_arrival = { memory_gib = 8, max_instances = 2 }
network = {
  network    = "projects/acme-network/global/networks/shared"
  subnetwork = "projects/acme-network/regions/europe-west1/subnetworks/jobs"
  egress     = "ALL_TRAFFIC"
  tags       = ["litekeep"]
}
scheduler_region    = "europe-west3"
secret_locations    = ["europe-west1", "europe-west4"]
cloud_build         = { region = "europe-west1" }
budget              = { billing_account = "012345-6789AB-CDEF01", amount = 50, currency = "EUR" }
deletion_protection = true

# Notifications and operators.
notifications = {
  emails        = ["oncall@acme.example", "platform@acme.example"]
  pubsub_topics = ["projects/acme-operations/topics/alerts"]
  webhooks      = { pager = "https://pager.acme.example/hook?token=change-me" }
}
alerts = {
  cleanup_percent = 30
  slow_percent    = 75
  stale_after     = { daily = "13h", weekly = "192h" }
  runbook_url     = "https://wiki.acme.example/litekeep"
}
operators = {
  backup  = ["group:developers@acme.example"]
  restore = ["group:database-oncall@acme.example"]
}
audit = { data_access = true, retention_days = 730, locked = false }

# `make push` writes this into images.auto.tfvars.json.
images = {
  backup            = "europe-west1-docker.pkg.dev/acme-backups/orders-backup/backup@sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
  cleanup           = "europe-west1-docker.pkg.dev/acme-backups/orders-backup/cleanup@sha256:bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
  monitor           = "europe-west1-docker.pkg.dev/acme-backups/orders-backup/monitor@sha256:cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc"
  restore           = "europe-west1-docker.pkg.dev/acme-backups/orders-backup/restore@sha256:dddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddd"
  verify            = "europe-west1-docker.pkg.dev/acme-backups/orders-backup/verify@sha256:eeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee"
  verify_on_arrival = "europe-west1-docker.pkg.dev/acme-backups/orders-backup/verify-on-arrival@sha256:ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff"
}
