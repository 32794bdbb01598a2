"""Plain PyTorch: TensorDataset, DataLoader, the loop of the tutorial."""

import clock
import nets
import torch
from torch.utils.data import DataLoader, TensorDataset

job, epochs = clock.words()
x, y, xv, yv, xt, yt = (torch.from_numpy(a) for a in clock.data(job))
x, xv, xt = x[:, None], xv[:, None], xt[:, None]
model = nets.net(job)
optimizer = torch.optim.Adam(model.parameters(), eps=1e-7)
loss_of = torch.nn.CrossEntropyLoss()
loader = DataLoader(TensorDataset(x, y), batch_size=clock.SIZES[job][1], shuffle=True)


def accuracy(pictures, classes):
    model.eval()
    with torch.no_grad():
        hits = sum((model(p).argmax(1) == c).sum().item() for p, c in zip(pictures.split(1000), classes.split(1000), strict=True))
    model.train()
    return hits / len(pictures)


with clock.Clock() as timed:
    for _ in range(epochs):
        for pictures, classes in loader:
            loss = loss_of(model(pictures), classes)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        if len(xv):
            accuracy(xv, yv)
clock.tell(job, epochs, timed, accuracy(xt, yt))
