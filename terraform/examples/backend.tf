# Copy this beside main.tf to keep the state in a bucket of its own, apart from the backups and readable by few:
# terraform init -backend-config=bucket=YOUR-STATE-BUCKET
terraform {
  backend "gcs" {
    prefix = "litekeep"
  }
}
