# Disks of jobs count against the project's quotas in its region. Cloud Run refuses a job over the quota, or its execution
# when a backup is due; here the plan stops first.

locals {
  # The restore check unpacks nothing.
  size_of = {
    for name, job in local._jobs : name => name == "restore-check"
    ? { cpu = 1, max_retries = 1, memory_gib = 1, scratch_gib = 0, tasks = 1, timeout_minutes = 15 }
    : local.sizes[local.size_name[name]]
  }
  size_name = { for name, job in local._jobs : name => name == "backup-continuous" ? "continuous" : job.image }

  disk_from_gib = 10
  disk_jobs     = { for name in keys(local.jobs) : name => local.size_of[name] if local.size_of[name].scratch_gib >= local.disk_from_gib }
  # The sum over all jobs, because a restore may run during the nightly backups.
  disk_volumes = sum(concat([0], [for size in values(local.disk_jobs) : size.tasks]))
  disk_gib     = sum(concat([0], [for size in values(local.disk_jobs) : size.tasks * size.scratch_gib]))

  # Only a job created with launch stage BETA can have a disk, and the stage cannot change later. So all jobs that may
  # get a disk are created as BETA.
  launch_stage = { for name, job in local._jobs : name => name != "restore-check" && contains(["backup", "restore", "verify"], job.image) ? "BETA" : "GA" }
}
