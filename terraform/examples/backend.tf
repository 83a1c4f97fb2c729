# Copy this beside main.tf to keep the state in a bucket of its own, apart from the backups and readable by few, and
# name the bucket. With STAGE=NAME the scripts give each stage a prefix of its own.
terraform {
  backend "gcs" {
    bucket = "YOUR-STATE-BUCKET"
    prefix = "litekeep"
  }
}
