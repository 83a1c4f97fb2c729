# Copy this beside main.tf to keep the state in a bucket, and set the bucket's name. Use a separate bucket that few people
# can read. With STAGE=NAME the scripts use a separate prefix for each stage.
terraform {
  backend "gcs" {
    bucket = "YOUR-STATE-BUCKET"
    prefix = "litekeep"
  }
}
