"""What tests share: made checkpoints, native files, planted faults, trainings, services. No test stands here."""
