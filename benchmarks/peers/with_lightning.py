"""PyTorch Lightning: LightningModule, DataLoader, Trainer; logger, checkpoints and progress off."""

import logging
import warnings

import clock
import lightning
import nets
import torch
from torch.utils.data import DataLoader, TensorDataset

warnings.filterwarnings("ignore")
logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
job, epochs = clock.words()


class Digits(lightning.LightningModule):
    def __init__(self):
        super().__init__()
        self.net, self.loss_of, self.hits = nets.net(job), torch.nn.CrossEntropyLoss(), 0

    def training_step(self, batch, index):
        loss = self.loss_of(self.net(batch[0]), batch[1])
        self.log("loss", loss)
        return loss

    def validation_step(self, batch, index):
        self.log("valid", (self.net(batch[0]).argmax(1) == batch[1]).float().mean())

    def test_step(self, batch, index):
        self.hits += (self.net(batch[0]).argmax(1) == batch[1]).sum().item()

    def configure_optimizers(self):
        return torch.optim.Adam(self.parameters(), eps=1e-7)


def loader(pictures, classes, **settings):
    return DataLoader(TensorDataset(torch.from_numpy(pictures)[:, None], torch.from_numpy(classes)), **settings)


x, y, xv, yv, xt, yt = clock.data(job)
model = Digits()
quiet = {"logger": False, "enable_checkpointing": False, "enable_progress_bar": False, "enable_model_summary": False}
trainer = lightning.Trainer(max_epochs=epochs, accelerator="cpu", **quiet)
with clock.Clock() as timed:
    train = loader(x, y, batch_size=clock.SIZES[job][1], shuffle=True)
    trainer.fit(model, train, loader(xv, yv, batch_size=1000) if len(xv) else None)
trainer.test(model, loader(xt, yt, batch_size=1000), verbose=False)
clock.tell(job, epochs, timed, model.hits / len(xt))
