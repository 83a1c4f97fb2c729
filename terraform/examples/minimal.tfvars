project_id    = "acme-backups"
region        = "europe-west1"
environment   = "production"
databases     = ["orders"]
notifications = { emails = ["oncall@acme.example"] }
