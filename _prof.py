import time,sys,tempfile,pathlib
t0=time.time()
import importlib.util as u; s=u.spec_from_file_location("m","tests/callbacks/interrupted_epoch_test.py"); m=u.module_from_spec(s); s.loader.exec_module(m)
print("import",time.time()-t0)
for _ in range(2):
    t0=time.time(); m._fit(pathlib.Path(tempfile.mkdtemp())); print("fit",time.time()-t0, time.process_time())
import cProfile,pstats
pr=cProfile.Profile(); pr.enable(); m._fit(pathlib.Path(tempfile.mkdtemp())); pr.disable()
pstats.Stats(pr).sort_stats("cumtime").print_stats(45)
