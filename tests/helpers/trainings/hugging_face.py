"""A small training by the Trainer of Hugging Face, on one process or several."""

import os

from tests.helpers.trainings.killer import BATCHES, EPOCHS


def training(torch, folder, killer, params, settings, *, evaluated=False, **more):
    """Return the callback and the Trainer; ``more`` are arguments of the training."""
    os.environ.update(HF_HUB_OFFLINE="1", TRANSFORMERS_VERBOSITY="error")
    import transformers

    from candle_spec.callbacks.transformers import checkpoint_callback

    class Kill(transformers.TrainerCallback):
        def on_step_end(self, *_, **__):
            killer.step()

    model, rows = bert(torch, transformers)
    arguments = transformers.TrainingArguments(
        output_dir=f"{folder}-trainer",
        num_train_epochs=EPOCHS,
        per_device_train_batch_size=8,
        save_strategy="no",
        logging_strategy="epoch",
        report_to=[],
        use_cpu=True,
        disable_tqdm=True,
        dataloader_pin_memory=False,
        **more,
    )
    checkpoints = checkpoint_callback(folder, params=params, settings=settings)
    data = {"train_dataset": rows, "eval_dataset": rows if evaluated else None}
    return checkpoints, transformers.Trainer(model, arguments, callbacks=[checkpoints, Kill()], **data)


def bert(torch, transformers):
    """Return a network, and its data."""
    config = transformers.BertConfig(
        vocab_size=20,
        hidden_size=8,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=8,
        max_position_embeddings=8,
    )
    model = transformers.BertForSequenceClassification(config)
    rows = [{"input_ids": torch.randint(0, 20, (6,)), "labels": torch.tensor(n % 2)} for n in range(8 * BATCHES)]
    return model, rows
